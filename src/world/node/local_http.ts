import type { IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { CausewayError, fromReport } from '../../base/errors.ts';
import { nodeHttp, randomUuid } from './late_modules.ts';

/** One request to the daemon's API on its Unix socket. */
export interface LocalRequest {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** For a call that is done once, however often it is sent. */
  readonly idempotencyKey?: string;
}

/** The answer as JSON; null for an empty one. Throws what the daemon reports, or CW_DAEMON_DOWN where none answers. */
export async function requestJson(options: LocalRequest): Promise<unknown> {
  const response = await send(options);
  const text = await readText(response);
  const status = response.statusCode ?? 0;
  if (status >= 400) throw errorOf(text, status);
  return text === '' ? null : JSON.parse(text);
}

/**
 * The same for a call with a key: where the answer is lost because the daemon goes away, it is asked again until
 * `forMs` are over. CW_DAEMON_DOWN at once where no daemon has got it.
 */
export async function requestOnce(
  options: LocalRequest,
  { forMs, everyMs }: { readonly forMs: number; readonly everyMs: number },
): Promise<unknown> {
  const untilMs = performance.now() + forMs;
  const keyed = { ...options, idempotencyKey: options.idempotencyKey ?? randomUuid() };
  let wasSent = false;
  for (;;) {
    try {
      return await requestJson(keyed);
    } catch (failure) {
      const { code } = failure as CausewayError;
      const isGone = code === 'CW_DAEMON_DOWN' || code === 'CW_IDEMPOTENCY_BUSY';
      wasSent ||= code === 'CW_DAEMON_DOWN' && !isUnreached(failure);
      if (!isGone || !wasSent || performance.now() > untilMs) throw failure;
      await wait(everyMs);
    }
  }
}

/** Nobody was there to take the request. */
function isUnreached(failure: unknown): boolean {
  const { code } = ((failure as Error).cause ?? {}) as NodeJS.ErrnoException;
  return ['ENOENT', 'ECONNREFUSED', 'EACCES', 'ENOTSOCK', 'ENOTDIR'].includes(code ?? '');
}

/** The lines of a streamed answer, each parsed as JSON. Ends when the daemon ends it; CW_DAEMON_DOWN when it is cut. */
export async function* requestJsonLines(options: LocalRequest, signal: AbortSignal): AsyncGenerator<unknown> {
  const response = await send(options);
  if ((response.statusCode ?? 0) >= 400) throw errorOf(await readText(response), response.statusCode ?? 0);
  const stop = () => response.destroy();
  signal.addEventListener('abort', stop, { once: true });
  let rest = '';
  try {
    for await (const piece of response.setEncoding('utf8')) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line);
    }
  } catch (failure) {
    if (signal.aborted) return;
    throw new CausewayError('CW_DAEMON_DOWN', 'the daemon went away while it was answering', {
      cause: failure,
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function send(options: LocalRequest): Promise<IncomingMessage> {
  const { socketPath, method, path } = options;
  const body = options.body === undefined ? null : JSON.stringify(options.body);
  const key = options.idempotencyKey;
  const headers = {
    ...(body !== null && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }),
    ...(key !== undefined && { 'idempotency-key': `"${key}"` }),
  };
  return new Promise((resolve, reject) => {
    const outgoing = nodeHttp.request({ socketPath, method, path, headers }, resolve);
    outgoing.on('error', (failure: NodeJS.ErrnoException) => {
      reject(
        new CausewayError(
          'CW_DAEMON_DOWN',
          `no daemon answers at ${socketPath} (${failure.code ?? failure.message})`,
          { cause: failure },
        ),
      );
    });
    outgoing.end(body ?? undefined);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const piece of response.setEncoding('utf8')) text += piece;
  } catch (failure) {
    throw new CausewayError('CW_DAEMON_DOWN', 'the daemon went away while it was answering', {
      cause: failure,
    });
  }
  return text;
}

function errorOf(text: string, status: number): CausewayError {
  try {
    const body = JSON.parse(text) as { code?: unknown; message?: unknown };
    if (typeof body.code === 'string' && typeof body.message === 'string')
      return fromReport({ code: body.code, message: body.message });
  } catch {
    // not JSON: the status is all there is to tell
  }
  return new CausewayError('CW_INTERNAL', `the daemon answered with status ${status}`);
}
