import { CausewayError } from '../base/errors.ts';
import { abortReason } from '../base/signal.ts';
import type { Link, LinkState } from '../link/link.ts';
import type { Mux } from '../link/mux/mux.ts';
import type { Clock } from '../world/clock.ts';

/** The link to a machine whose agent dials in: empty until it does, and the newest connection from then on. */
export class WaitingLink implements Link {
  readonly #listeners = new Set<(state: LinkState) => void>();
  #inner: Link | null = null;
  #unsubscribe: () => void = () => undefined;
  #state: LinkState;

  constructor(clock: Clock) {
    this.#state = { kind: 'connecting', attempt: 0, lastError: null, sinceMs: clock.wallMs() };
  }

  get state(): LinkState {
    return this.#inner?.state ?? this.#state;
  }

  /** Takes over a connection that the agent made. */
  async replace(link: Link): Promise<void> {
    const old = this.#inner;
    this.#unsubscribe();
    this.#inner = link;
    this.#unsubscribe = link.onState((state) => this.#tell(state));
    this.#tell(link.state);
    await old?.close();
  }

  async ready(signal: AbortSignal): Promise<Mux> {
    for (;;) {
      const { state } = this;
      if (state.kind === 'up' || state.kind === 'interrupted') return state.mux;
      if (state.kind === 'failed') throw state.error;
      await this.#change(signal);
    }
  }

  onState(listener: (state: LinkState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  renew(): void {
    this.#inner?.renew();
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    const inner = this.#inner;
    this.#inner = null;
    this.#state = { kind: 'closed' };
    this.#tell(this.#state);
    await inner?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tell(state: LinkState): void {
    for (const listener of [...this.#listeners]) listener(state);
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        stop();
        reject(
          signal.reason instanceof CausewayError
            ? abortReason(signal)
            : new CausewayError('CW_VM_OFFLINE', 'the machine has not dialled in'),
        );
      };
      const stop = this.onState(() => {
        signal.removeEventListener('abort', onAbort);
        stop();
        resolve();
      });
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
