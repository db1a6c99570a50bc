import { type Deferred, deferred } from '../../base/deferred.ts';
import type { CausewayError } from '../../base/errors.ts';
import { abortReason } from '../../base/signal.ts';
import type { MuxStream } from './mux_stream.ts';

/** Streams that the peer opened and nobody has accepted yet: at most as many as the stream table holds. */
export class AcceptQueue {
  readonly #streams: MuxStream[] = [];
  readonly #waiters: Deferred<MuxStream>[] = [];
  /** Called for each stream that leaves the queue. */
  readonly #onLeft: (stream: MuxStream) => void;
  #failure: CausewayError | null = null;

  constructor(onLeft: (stream: MuxStream) => void) {
    this.#onLeft = onLeft;
  }

  push(stream: MuxStream): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#streams.push(stream);
      return;
    }
    this.#onLeft(stream);
    waiter.resolve(stream);
  }

  async accept(signal: AbortSignal): Promise<MuxStream> {
    if (signal.aborted) throw abortReason(signal);
    if (this.#failure !== null) throw this.#failure;
    const stream = this.#streams.shift();
    if (stream !== undefined) {
      this.#onLeft(stream);
      return stream;
    }
    const waiter = deferred<MuxStream>();
    this.#waiters.push(waiter);
    const onAbort = () => {
      const index = this.#waiters.indexOf(waiter);
      if (index < 0) return; // it has its stream
      this.#waiters.splice(index, 1);
      waiter.reject(abortReason(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await waiter.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** The stream is over before anybody took it. */
  remove(stream: MuxStream): void {
    const index = this.#streams.indexOf(stream);
    if (index < 0) return;
    this.#streams.splice(index, 1);
    this.#onLeft(stream);
  }

  /** Nobody will take what waits: it is dropped. */
  fail(error: CausewayError): void {
    this.#failure = error;
    for (const stream of this.#streams.splice(0)) {
      stream.fail(error, false);
      this.#onLeft(stream);
    }
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}
