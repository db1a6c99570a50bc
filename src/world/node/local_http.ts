import { createConnection, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { CausewayError, fromReport } from '../../base/errors.ts';
import { HttpAnswerReader } from './http_answer.ts';
import { randomUuid } from './late_modules.ts';

/*
 * HTTP by a plain socket: node:http costs each command 28 ms of processor time (Node 26), as much as the rest of a short one.
 */

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
  const { status, body } = await send(options);
  const text = await textOf(body);
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
  for await (const line of requestLines(options, signal)) yield JSON.parse(line);
}

/** The same of server-sent events, of which each has its data in one line. */
export async function* requestEvents(options: LocalRequest, signal: AbortSignal): AsyncGenerator<unknown> {
  for await (const line of requestLines(options, signal))
    if (line.startsWith('data: ')) yield JSON.parse(line.slice('data: '.length));
}

async function* requestLines(options: LocalRequest, signal: AbortSignal): AsyncGenerator<string> {
  const { status, body, socket } = await send(options);
  if (status >= 400) throw errorOf(await textOf(body), status);
  const stop = () => socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    yield* linesOf(body);
  } catch (failure) {
    if (!signal.aborted) throw failure;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  for await (const piece of body) {
    let from = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      const line = Buffer.concat([...rest, piece.subarray(from, end)]).toString();
      rest = [];
      from = end + 1;
      if (line !== '') yield line;
    }
    if (from < piece.length) rest.push(piece.subarray(from));
  }
}

interface Answer {
  readonly status: number;
  readonly body: AsyncIterable<Buffer>;
  readonly socket: Socket;
}

/** Resolves when the head of the answer is here. The socket closes with the end of the body, or when that is left. */
async function send(options: LocalRequest): Promise<Answer> {
  const socket = createConnection(options.socketPath);
  socket.write(requestText(options));
  const body = piecesOf(socket, options.socketPath);
  const first = await body.next();
  if (typeof first.value !== 'number') throw goneAway();
  return { status: first.value, body: body as AsyncGenerator<Buffer>, socket };
}

function requestText({ method, path, body, idempotencyKey }: LocalRequest): string {
  const json = body === undefined ? null : JSON.stringify(body);
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close'];
  if (json !== null)
    lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(json)}`);
  else if (method !== 'GET') lines.push('Content-Length: 0');
  if (idempotencyKey !== undefined) lines.push(`Idempotency-Key: "${idempotencyKey}"`);
  return `${lines.join('\r\n')}\r\n\r\n${json ?? ''}`;
}

/** The status, then the pieces of the body. */
async function* piecesOf(socket: Socket, socketPath: string): AsyncGenerator<number | Buffer> {
  let pieces: Buffer[] = [];
  const reader = new HttpAnswerReader((piece) => {
    pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
  });
  let isHeadTold = false;
  try {
    for await (const bytes of socket as AsyncIterable<Buffer>) {
      reader.push(bytes);
      if (reader.head !== null && !isHeadTold) {
        isHeadTold = true;
        yield reader.head.status;
      }
      const ready = pieces;
      pieces = [];
      yield* ready;
      if (reader.isComplete) return;
    }
  } catch (failure) {
    if (failure instanceof CausewayError) throw failure;
    if (isHeadTold || socket.bytesRead > 0) throw goneAway(failure);
    throw unanswered(socketPath, failure as NodeJS.ErrnoException);
  } finally {
    socket.destroy();
  }
  throw socket.bytesRead > 0 ? goneAway() : unanswered(socketPath, new Error('closed without an answer'));
}

function unanswered(socketPath: string, cause: NodeJS.ErrnoException): CausewayError {
  return new CausewayError(
    'CW_DAEMON_DOWN',
    `no daemon answers at ${socketPath} (${cause.code ?? cause.message})`,
    { cause },
  );
}

function goneAway(cause?: unknown): CausewayError {
  return new CausewayError('CW_DAEMON_DOWN', 'the daemon went away while it was answering', { cause });
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
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
