import { asCausewayError, CausewayError } from '../base/errors.ts';
import type { Mux, Stream } from '../link/mux/mux.ts';
import { answerRpc, type RpcHandler } from '../link/rpc.ts';
import type { CopyService } from './copy_service.ts';
import { LaneRouter } from './lane_router.ts';

/** Serves one link for as long as its session lives: gives each stream that the peer opens to whoever it is for. */
export class PeerSession {
  readonly mux: Mux;
  readonly router: LaneRouter;
  readonly #copies: CopyService | null;
  readonly #handlers: Readonly<Record<string, RpcHandler>>;
  readonly #takeMount: ((stream: Stream) => void) | null;
  readonly #over = new AbortController();

  /** Without `copies` the peer may not ask for copies: a machine never reads or writes the host's files on its own. */
  constructor(
    mux: Mux,
    copies: CopyService | null,
    handlers: Readonly<Record<string, RpcHandler>>,
    takeMount: ((stream: Stream) => void) | null = null,
  ) {
    this.mux = mux;
    this.router = new LaneRouter(mux);
    this.#copies = copies;
    this.#handlers = handlers;
    this.#takeMount = takeMount;
  }

  /** Resolves when the session is gone; never rejects. */
  async serve(): Promise<void> {
    void this.mux.closed.then(({ error }) => this.#over.abort(error));
    for (;;) {
      let stream: Stream;
      try {
        stream = await this.mux.accept(this.#over.signal);
      } catch {
        return; // the session is closed: `mux.closed` has the reason for whoever wants it
      }
      this.#route(stream);
    }
  }

  #route(stream: Stream): void {
    try {
      if (stream.kind === 'lane') return this.router.offer(stream);
      if (stream.kind === 'rpc') return void answerRpc(stream, this.#handlers, this.#over.signal);
      if (stream.kind === 'transfer' && this.#copies)
        return void this.#copies.serve(stream, this.mux, this.router);
      if (stream.kind === 'mount' && this.#takeMount) return this.#takeMount(stream);
      stream.reset(
        new CausewayError('CW_UNSUPPORTED', `this side does not take streams of kind ${stream.kind}`),
      );
    } catch (failure) {
      stream.reset(asCausewayError(failure));
    }
  }
}
