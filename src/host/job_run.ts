import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { orAborted } from '../base/signal.ts';
import type { StartJobRequest } from '../contract/schemas.ts';
import type { Link } from '../link/link.ts';
import type { Mux } from '../link/mux/mux.ts';
import { CopyJob, type JobEnd } from '../transfer/copy_job.ts';
import type { LaneRouter } from '../transfer/lane_router.ts';
import type { World } from '../world/world.ts';
import type { JobFigures } from './job_frame.ts';
import { type EarlierFigures, JobTracker } from './job_view.ts';

export interface JobRunParts {
  readonly world: World;
  readonly link: Link;
  readonly routerOf: (mux: Mux) => LaneRouter;
  readonly request: StartJobRequest;
  readonly transferId: Uint8Array;
  readonly earlier: EarlierFigures;
  /** What has to be over before the copy begins. */
  readonly ready: Promise<void>;
  /** The figures may have changed. */
  readonly onProgress: () => void;
}

/** A job while it runs: its copy and the figures of it. */
export class JobRun {
  /** How the copy ended; never rejects. */
  readonly ended: Promise<JobEnd>;
  readonly #parts: JobRunParts;
  readonly #copy: CopyJob;
  readonly #tracker: JobTracker;
  /** Aborted as soon as the copy is to stop. */
  readonly #stopping = new AbortController();

  constructor(parts: JobRunParts) {
    const { world, link, routerOf, request, transferId, earlier } = parts;
    this.#parts = parts;
    this.#tracker = new JobTracker(earlier, world.clock);
    this.#copy = new CopyJob({
      world,
      link,
      routerOf,
      spec: {
        transferId,
        role: request.direction === 'in' ? 'source' : 'sink',
        sources: request.sources,
        destination: request.destination,
        options: {
          chunkBytes: request.chunkBytes ?? LIMITS.chunkDefaultBytes.value,
          ignoreTimes: request.ignoreTimes ?? false,
          limitBytesPerSecond: request.limitBytesPerSecond ?? null,
          lanes: request.lanes ?? Math.min(LIMITS.lanesMax.value, world.process.info.cpuCount),
        },
      },
    });
    this.ended = this.#run();
  }

  get stopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** For how long the machine has been away, in ms; null while it is connected. */
  awayForMs(): number | null {
    const { state } = this.#parts.link;
    if (state.kind === 'up') return null;
    return 'sinceMs' in state ? this.#parts.world.clock.wallMs() - state.sinceMs : 0;
  }

  /** Stops the copy; what is there stays for a resume when `keep` is set. The last call counts. */
  stop(options: { readonly keep: boolean }): void {
    this.#copy.stop(options);
    this.#stopping.abort(new CausewayError('CW_CANCELLED', 'the copy was stopped'));
  }

  figures(end: JobEnd | null): JobFigures {
    return this.#tracker.figures(end);
  }

  async #run(): Promise<JobEnd> {
    const over = new AbortController();
    const watching = this.#watch(over.signal);
    await orAborted(this.#parts.ready, this.#stopping.signal).catch(() => undefined); // the copy sees a stop itself, and what could not be removed before it is written over
    const end = await this.#copy.run();
    over.abort();
    await watching;
    this.#tracker.observe(this.#copy, this.#parts.link);
    return end;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { world, link, onProgress } = this.#parts;
    while (!signal.aborted) {
      this.#tracker.observe(this.#copy, link);
      onProgress();
      await world.clock.sleep(LIMITS.progressIntervalMs.value, signal).catch(() => undefined); // the end of the copy ends the wait
    }
  }
}
