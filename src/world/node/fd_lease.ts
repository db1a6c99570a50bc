import { CausewayError } from '../../base/errors.ts';
import type { FsCalls } from './fs_calls.ts';

/**
 * A descriptor shared by handles and by the calls in flight on it. It is closed when the last handle has left and no
 * call uses it: a number closed under a running call could be given to another file, and the call would then reach
 * that one.
 */
export class FdLease {
  readonly #fd: number;
  readonly #close: FsCalls['close'];
  #handles = 1;
  #inFlight = 0;
  readonly #ended = Promise.withResolvers<void>();

  constructor(fd: number, close: FsCalls['close']) {
    this.#fd = fd;
    this.#close = close;
  }

  /** One more handle, which must {@link release} it. */
  share(): void {
    this.#handles += 1;
  }

  /** The descriptor for one call, which ends with {@link leave}. */
  enter(open: boolean, path: string): number {
    if (!open) throw new CausewayError('CW_INTERNAL', `the handle of ${path} was closed before`);
    this.#inFlight += 1;
    return this.#fd;
  }

  leave(): void {
    this.#inFlight -= 1;
    this.#endWhenUnused();
  }

  /** A handle goes. Resolves at once while others remain, otherwise once the descriptor is closed; rejects as close(2) fails. */
  release(): Promise<void> {
    this.#handles -= 1;
    if (this.#handles > 0) return Promise.resolve();
    this.#endWhenUnused();
    return this.#ended.promise;
  }

  #endWhenUnused(): void {
    if (this.#handles > 0 || this.#inFlight > 0) return;
    this.#close(this.#fd).then(this.#ended.resolve, this.#ended.reject);
  }
}
