import { CausewayError } from '../base/errors.ts';
import { abortReason } from '../base/signal.ts';
import type { LinkState } from './link.ts';
import { Listeners } from './listeners.ts';
import type { Mux } from './mux/mux.ts';

/** The state of one link and those who watch it. `failed` and `closed` are final. */
export class LinkStates {
  readonly #listeners = new Listeners<LinkState>();
  #current: LinkState;

  constructor(first: LinkState) {
    this.#current = first;
  }

  get current(): LinkState {
    return this.#current;
  }

  /** Nothing happens after a final state, except that a failed link can be closed. */
  set(state: LinkState): void {
    if (this.#current.kind === 'closed' || (this.#current.kind === 'failed' && state.kind !== 'closed'))
      return;
    this.#current = state;
    this.#listeners.tell(state);
  }

  /** More is known of the current kind of state; those who watch hear of changes of kind and of attempts only. */
  refine(state: LinkState): void {
    if (this.#current.kind === state.kind) this.#current = state;
  }

  onState(listener: (state: LinkState) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** The mux of the next `up` state; rejects as {@link Link.ready} says. */
  async ready(signal: AbortSignal): Promise<Mux> {
    const now = this.#settled();
    if (now !== null) return now;
    if (signal.aborted) throw this.#offline(signal);
    return new Promise<Mux>((resolve, reject) => {
      const onAbort = () => {
        stop();
        reject(this.#offline(signal));
      };
      const stop = this.onState(() => {
        try {
          const mux = this.#settled();
          if (mux === null) return;
          resolve(mux);
        } catch (failure) {
          reject(failure);
        }
        stop();
        signal.removeEventListener('abort', onAbort);
      });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #settled(): Mux | null {
    const state = this.#current;
    if (state.kind === 'up') return state.mux;
    if (state.kind === 'failed') throw state.error;
    if (state.kind === 'closed') throw new CausewayError('CW_LINK_CLOSED', 'the link was closed');
    return null;
  }

  #offline(signal: AbortSignal): CausewayError {
    const state = this.#current;
    const last = 'lastError' in state ? state.lastError : null;
    const reason = last === null ? 'no answer yet' : last.message;
    return new CausewayError('CW_VM_OFFLINE', `not connected: ${reason}`, {
      cause: last ?? abortReason(signal),
    });
  }
}
