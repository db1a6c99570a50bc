import { observed } from '../base/deferred.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Link } from '../link/link.ts';
import type { Mux } from '../link/mux/mux.ts';
import type { KnowingWorld } from '../tree/index/known_files.ts';
import { addCompressed } from './compress/compressed_sum.ts';
import { type CopyAttempt, type CopySpec, startAttempt } from './copy_attempt.ts';
import type { CopyOutcome, CopyView } from './copy_progress.ts';
import type { LaneRouter } from './lane_router.ts';
import { startRelay } from './relay_run.ts';
import type { SharedFlow } from './shared_rate.ts';
import type { SharedReader } from './shared_reads.ts';
import { summedStages } from './stage_sum.ts';

/** How a copy that was asked for ends. `interrupted` keeps what is there for a resume, `cancelled` does not. */
export type JobEnd =
  | { readonly kind: 'done'; readonly outcome: CopyOutcome }
  | { readonly kind: 'failed'; readonly error: CausewayError }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'cancelled'; readonly leftover: string | null };

export interface CopyJobParams {
  readonly world: KnowingWorld;
  readonly link: Link;
  /** The link to the machine that has the source, for a copy between two machines; `link` is then the other one's. */
  readonly from?: Link | undefined;
  readonly routerOf: (mux: Mux) => LaneRouter;
  /** Where copies of the same sources to other machines run at the same time. */
  readonly shared?: SharedReader | undefined;
  /** Where the copies of this side share a rate: its place among them. */
  readonly gate?: SharedFlow | undefined;
  readonly spec: CopySpec;
}

/**
 * One copy until its end, over as many attempts as links break or machines restart. This is the retry layer of a copy:
 * the only one.
 */
export class CopyJob {
  readonly #params: CopyJobParams;
  readonly #controller = new AbortController();
  #keep = true;
  #attempt: CopyAttempt | null = null;
  #attempts = 0;
  #lastError: CausewayError | null = null;
  #last: CopyView | null = null;
  #earlierSentBytes = 0;
  #earlierReceivedBytes = 0;
  #earlierCompressed: CopyView['compressed'] = null;
  #earlierNotes: readonly string[] = [];
  #earlierStages: Pick<CopyView, 'localStages' | 'remoteStages'> = { localStages: [], remoteStages: [] };

  constructor(params: CopyJobParams) {
    this.#params = params;
  }

  get attempts(): number {
    return this.#attempts;
  }

  /** Why the attempt before the current one ended. */
  get lastError(): CausewayError | null {
    return this.#lastError;
  }

  /** The current attempt's view with the bytes and notes of earlier ones added; null before the first. */
  view(): CopyView | null {
    const view = this.#attempt?.view() ?? this.#last;
    if (view === null) return null;
    return {
      ...view,
      sentBytes: view.sentBytes + this.#earlierSentBytes,
      receivedBytes: view.receivedBytes + this.#earlierReceivedBytes,
      compressed: addCompressed(this.#earlierCompressed, view.compressed),
      notes: [...this.#earlierNotes, ...view.notes],
      localStages: summedStages(this.#earlierStages.localStages, view.localStages),
      remoteStages: summedStages(this.#earlierStages.remoteStages, view.remoteStages),
    };
  }

  /** Stops the copy; what is there stays for a resume when `keep` is set. */
  stop(options: { keep: boolean }): void {
    this.#keep = options.keep;
    this.#controller.abort(new CausewayError('CW_CANCELLED', 'the copy was stopped'));
  }

  /** Runs to the end; never throws. */
  async run(): Promise<JobEnd> {
    const { signal } = this.#controller;
    for (;;) {
      try {
        const outcome = await this.#runAttempt(signal);
        return { kind: 'done', outcome };
      } catch (failure) {
        const error = asCausewayError(failure);
        if (signal.aborted) return this.#stopped(error);
        this.#lastError = error;
        if (!isWorthAnotherAttempt(error)) return { kind: 'failed', error };
        this.#keepFigures();
        await this.#params.world.clock.sleep(LIMITS.reconnectMinMs.value, signal).catch(() => undefined); // a stop is seen by the next attempt
      }
    }
  }

  async #runAttempt(signal: AbortSignal): Promise<CopyOutcome> {
    this.#attempt = await this.#startAttempt(signal);
    this.#attempts += 1; // from here on the view is this attempt's
    const running = observed(this.#attempt.run());
    return Promise.race([running, this.#stuckAfterStop(running, signal)]);
  }

  async #startAttempt(signal: AbortSignal): Promise<CopyAttempt> {
    const { world, link, from, routerOf, shared, gate, spec } = this.#params;
    const keepPartial = () => this.#keep;
    const mux = await link.ready(signal);
    if (from === undefined)
      return startAttempt({ world, mux, router: routerOf(mux), spec, signal, shared, gate, keepPartial });
    const sourceMux = await from.ready(signal);
    const source = { mux: sourceMux, router: routerOf(sourceMux) };
    return startRelay({ world, source, sink: { mux }, spec, signal, gate, keepPartial });
  }

  /** After a stop the run has a short time to end by itself; an operation that a device holds back does not hold back the answer. */
  async #stuckAfterStop(running: Promise<unknown>, signal: AbortSignal): Promise<never> {
    await Promise.race([
      running.catch(() => undefined),
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    ]);
    if (!signal.aborted) return new Promise<never>(() => undefined);
    await this.#params.world.clock.sleep(LIMITS.cancelGraceMs.value);
    throw new CausewayError('CW_TIMEOUT', 'an operation of the disk does not return');
  }

  #stopped(error: CausewayError): JobEnd {
    if (this.#keep) return { kind: 'interrupted' };
    return { kind: 'cancelled', leftover: error.code === 'CW_TIMEOUT' ? error.message : null };
  }

  #keepFigures(): void {
    const view = this.#attempt?.view();
    if (!view) return;
    this.#earlierSentBytes += view.sentBytes;
    this.#earlierReceivedBytes += view.receivedBytes;
    this.#earlierCompressed = addCompressed(this.#earlierCompressed, view.compressed);
    this.#earlierNotes = [...this.#earlierNotes, ...view.notes].slice(-LIMITS.notesMax.value);
    const { localStages, remoteStages } = this.#earlierStages;
    this.#earlierStages = {
      localStages: summedStages(localStages, view.localStages),
      remoteStages: summedStages(remoteStages, view.remoteStages),
    };
    const nothing = { sentBytes: 0, receivedBytes: 0, compressed: null, notes: [] };
    this.#last = { ...view, ...nothing, localStages: [], remoteStages: [] };
    this.#attempt = null;
  }
}

/** A link that broke is set up again by itself; everything else would fail the same way. */
function isWorthAnotherAttempt(error: CausewayError): boolean {
  return error.next === 'reconnect' || error.code === 'CW_COPY_BUSY' || error.code === 'CW_LINK_STREAM_RESET';
}
