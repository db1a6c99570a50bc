import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { orAborted } from '../base/signal.ts';
import type { StartJobRequest } from '../contract/schemas.ts';
import type { LinkState } from '../link/link.ts';
import { CopyJob, type CopyJobParams, type JobEnd } from '../transfer/copy_job.ts';
import type { World } from '../world/world.ts';
import { compressionOf } from './compression.ts';
import type { JobFigures } from './job_frame.ts';
import { type EarlierFigures, JobTracker } from './job_view.ts';
import { jointState } from './joint_state.ts';

export interface JobRunParts {
  readonly world: World;
  /** How the copy reaches its machines. */
  readonly copy: Omit<CopyJobParams, 'world' | 'spec'>;
  readonly request: StartJobRequest;
  readonly transferId: Uint8Array;
  readonly undoId: Uint8Array;
  readonly earlier: EarlierFigures;
  /** What has to be over before the copy begins. */
  readonly ready: Promise<unknown>;
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
    const { world, copy, request, transferId, undoId, earlier } = parts;
    const { undo = 'auto' } = request;
    this.#parts = parts;
    this.#tracker = new JobTracker(earlier, world.clock, request.direction);
    this.#copy = new CopyJob({
      ...copy,
      world,
      spec: {
        transferId,
        role: request.direction === 'out' ? 'sink' : 'source',
        sources: request.sources,
        destination: request.destination,
        options: {
          ...compressionOf(request),
          ignoreTimes: request.ignoreTimes ?? false,
          wholeFile: request.wholeFile ?? false,
          limitBytesPerSecond: request.limitBytesPerSecond ?? null,
          weight: request.weight ?? 1,
          trafficClass: request.trafficClass ?? 'bulk',
          direct: request.direct ?? 'auto',
          ...(request.checksum && { checksum: true }),
          ...(request.linkDest && { linkDest: request.linkDest }),
          ...(request.owner && { owner: request.owner }),
          ...(request.exclude && { exclude: request.exclude }),
          ...(request.delete && { mirror: true }),
          ...(request.onClash && { onClash: request.onClash }),
          ...(request.idMappings && {
            idMappings: request.idMappings.map((rule) => ({ ...rule, from: rule.from ?? null })),
          }),
          ...(undo !== 'off' && { undo: { id: undoId, required: undo === 'require' } }),
          lanes: request.lanes ?? Math.min(LIMITS.lanesMax.value, world.process.info.cpuCount),
        },
      },
    });
    this.ended = this.#run();
  }

  get stopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** For how long a machine of the copy has been away, in ms; null while all are connected. */
  awayForMs(): number | null {
    const state = this.#linkState();
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

  #linkState(): LinkState {
    const { link, from } = this.#parts.copy;
    return jointState(from === undefined ? [link] : [from, link]);
  }

  async #run(): Promise<JobEnd> {
    const over = new AbortController();
    const watching = this.#watch(over.signal);
    await orAborted(this.#parts.ready, this.#stopping.signal).catch(() => undefined); // the copy sees a stop itself, and what could not be removed before it is written over
    const end = await this.#copy.run();
    over.abort();
    await watching;
    this.#tracker.observe(this.#copy, this.#linkState());
    return end;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { world, onProgress } = this.#parts;
    while (!signal.aborted) {
      this.#tracker.observe(this.#copy, this.#linkState());
      onProgress();
      await world.clock.sleep(LIMITS.progressIntervalMs.value, signal).catch(() => undefined); // the end of the copy ends the wait
    }
  }
}
