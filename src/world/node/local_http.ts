import { type IncomingMessage, request } from 'node:http';
import { CausewayError, fromReport } from '../../base/errors.ts';

/** One request to the daemon's API on its Unix socket. */
export interface LocalRequest {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

/** The answer as JSON; null for an empty one. Throws what the daemon reports, or CW_DAEMON_DOWN where none answers. */
export async function requestJson(options: LocalRequest): Promise<unknown> {
  const response = await send(options);
  const text = await readText(response);
  const status = response.statusCode ?? 0;
  if (status >= 400) throw errorOf(text, status);
  return text === '' ? null : JSON.parse(text);
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
  const headers =
    body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, headers }, resolve);
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
