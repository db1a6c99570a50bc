import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Conn, LineFigures, PeerInfo } from '../net.ts';
import type { Inbox } from './inbox.ts';
import { laneCalls } from './lane/lane_calls.ts';
import { closedError, cutError } from './net_errors.ts';
import { tcpFigures } from './tcp_info.ts';
import { within } from './within.ts';

/** What stands behind a {@link SocketConn}. */
export interface SocketParts {
  readonly input: Readable;
  /** The same socket as `input`, or the other pipe of a pair. */
  readonly output: Writable;
  /** Filled by the socket's `onread` where there is one; `data` events are used as well, for sockets without. */
  readonly inbox: Inbox;
  readonly peer: PeerInfo;
  /** Called when the channel ended by itself: gives the error that tells why, or null for an end in peace. */
  explain?(): Promise<CausewayError | null>;
  /** Called once by `close()`, after the streams were destroyed. */
  release?(): Promise<void>;
}

export function plainPeer(description: string): PeerInfo {
  return { description, fingerprint: null, tlsGroup: null, tlsCipher: null };
}

/** A {@link Conn} over Node's streams: TCP, Unix socket, TLS, the pipes of a child or of this process. */
export class SocketConn implements Conn {
  readonly peer: PeerInfo;
  readonly #parts: SocketParts;
  #flowing = false;
  #writeFailure: CausewayError | null = null;
  #failWrite: ((error: CausewayError) => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(parts: SocketParts) {
    this.peer = parts.peer;
    this.#parts = parts;
    parts.inbox.onRoom = () => parts.input.resume();
    parts.input.on('end', this.#onEnd).on('error', this.#onInputError).on('close', this.#onInputClose);
    parts.output.on('error', this.#onOutputError).on('close', this.#onOutputClose);
  }

  read(into: Uint8Array, minBytes: number): Promise<number> {
    if (!this.#flowing && this.#closing === null) this.#flow();
    return this.#parts.inbox.read(into, minBytes);
  }

  write(parts: readonly Uint8Array[]): Promise<void> {
    assert(this.#failWrite === null, 'one write of a connection is pending at a time');
    if (this.#writeFailure !== null) return Promise.reject(this.#writeFailure);
    const last = parts.length - 1;
    if (last < 0) return Promise.resolve();
    const { output } = this.#parts;
    return new Promise<void>((resolve, reject) => {
      this.#failWrite = reject;
      const done = (error?: Error | null) => {
        if (error) {
          this.#onOutputError(output.errored ?? error); // what broke the stream says more than what that did to this call
        } else if (this.#failWrite === reject) {
          this.#failWrite = null;
          resolve();
        }
      };
      if (last > 0) output.cork();
      for (let index = 0; index < last; index++) output.write(parts[index]);
      output.write(parts[last], done);
      if (last > 0) output.uncork();
    });
  }

  /** Figures of the TCP connection, below TLS too; null for every other socket. */
  line(): LineFigures | null {
    const { _handle: handle } = this.#parts.output as unknown as {
      readonly _handle?: { readonly fd?: number };
    };
    return handle?.fd === undefined ? null : tcpFigures(handle.fd);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Gives the one socket behind this connection to a new owner, with what was read ahead put back into it; null where
   * there are two streams, or no handle that TLS could take, or none any more. This object is unusable afterwards.
   */
  detach(): Socket | null {
    const { input, output, inbox } = this.#parts;
    const socket = input as unknown as Socket & { readonly _handle?: unknown };
    if ((input as unknown) !== output || !socket._handle || this.#writeFailure !== null) return null;
    input.pause();
    input.off('data', this.#onData).off('end', this.#onEnd); // its errors keep a listener here, which ignores them from now on
    const early = inbox.takeAll();
    const moved = new CausewayError('CW_INTERNAL', `${this.peer.description} has another owner`);
    this.#writeFailure = moved;
    inbox.close(moved);
    this.#closing = Promise.resolve();
    for (const bytes of early.reverse()) input.unshift(bytes);
    return socket;
  }

  async peek(sizeBytes: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(sizeBytes);
    const seen = bytes.subarray(0, await this.read(bytes, sizeBytes));
    this.#parts.inbox.putBack(seen.slice());
    return seen;
  }

  handOver(): number | null {
    const { input, inbox } = this.#parts;
    const fd = (input as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1;
    if (!(input instanceof Socket) || input instanceof TLSSocket || fd < 0 || inbox.keptBytes > 0)
      return null;
    const libc = laneCalls();
    if (libc === null) return null;
    const own = libc.functions.dup(fd);
    if (own < 0) return null;
    if (this.detach() === null) {
      libc.functions.close(own);
      return null;
    }
    input.destroy(); // closes a descriptor only: the connection lives on by the other one
    return own;
  }

  /** Reading starts with the first read, so that a socket can be handed to TLS untouched. */
  #flow(): void {
    this.#flowing = true;
    this.#parts.input.on('data', this.#onData);
    this.#parts.input.resume();
  }

  readonly #onData = (bytes: Uint8Array): void => {
    if (!this.#parts.inbox.arrived(bytes)) this.#parts.input.pause();
  };

  readonly #onEnd = (): void => {
    const { explain, inbox } = this.#parts;
    if (explain === undefined) inbox.end();
    else void explain().then((reason) => (reason === null ? inbox.end() : inbox.fail(reason)));
  };

  readonly #onInputError = (thrown: unknown): void => {
    this.#withReason(thrown, (error) => this.#parts.inbox.fail(error));
  };

  readonly #onInputClose = (): void => {
    if (!this.#parts.input.readableEnded) this.#onInputError(null);
  };

  readonly #onOutputError = (thrown: unknown): void => {
    if (this.#writeFailure !== null) return;
    this.#writeFailure = cutError(this.peer.description, thrown);
    this.#withReason(thrown, (error) => {
      if (this.#closing !== null) return; // close() has told the pending write already
      this.#writeFailure = error;
      this.#failPendingWrite(error);
    });
  };

  readonly #onOutputClose = (): void => this.#onOutputError(null);

  #withReason(thrown: unknown, tell: (error: CausewayError) => void): void {
    const cut = cutError(this.peer.description, thrown);
    const { explain } = this.#parts;
    if (explain === undefined) tell(cut);
    else void explain().then((reason) => tell(reason ?? cut));
  }

  #failPendingWrite(error: CausewayError): void {
    const fail = this.#failWrite;
    this.#failWrite = null;
    fail?.(error);
  }

  async #close(): Promise<void> {
    const { input, output, inbox, release } = this.#parts;
    const error = closedError(this.peer.description);
    const isIdle = this.#failWrite === null && this.#writeFailure === null;
    input.pause(); // at once: memory of a pending read is not written to from here on
    this.#writeFailure = error;
    inbox.close(error);
    this.#failPendingWrite(error);
    // closing with unread bytes resets the connection; what was written before must be seen as complete all the same
    if (isIdle) await within(ended(output), LIMITS.closeGraceMs.value);
    await Promise.all([destroyed(input), destroyed(output)]);
    await release?.();
  }
}

/** Says the end of the output (close_notify, FIN) and waits until that has left. */
function ended(output: Writable): Promise<void> {
  if (!output.writable) return Promise.resolve();
  return new Promise<void>((resolve) => {
    output.once('close', resolve).end(() => resolve());
  });
}

/** Destroys a stream and waits until it is closed. */
export function destroyed(stream: Readable | Writable): Promise<void> {
  if (stream.closed) return Promise.resolve();
  return new Promise<void>((resolve) => {
    stream.once('close', () => resolve());
    stream.destroy();
  });
}
