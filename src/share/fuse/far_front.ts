import { asCausewayError, type CausewayError, fromReport } from '../../base/errors.ts';
import type { LanePort } from '../../link/lane/lane_port.ts';
import type { Stream } from '../../link/mux/mux.ts';
import type { MountHello, MountReady } from '../../wire/mount_messages.ts';
import type { Clock } from '../../world/clock.ts';
import type { FrontWord, KernelMountOptions, MountFront, Mounts } from '../../world/mounts.ts';
import { DetourOffers } from './detour_offers.ts';
import { FarFigures } from './far_figures.ts';
import { FarMount, MINOR_EXPIRES } from './far_mount.ts';
import type { KeptBlocks } from './kept_blocks.ts';
import type { LinkedMount } from './linked_mount.ts';

interface Running {
  readonly number: number;
  readonly stream: Stream;
  readonly offers: DetourOffers | null;
}

/** One whose kernel a thread answers: this thread passes on what goes over the link, and sees nothing of what goes past it. */
export class FarFront implements LinkedMount {
  readonly kernel: MountFront;
  readonly cache: FarFigures | null;
  readonly isReadOnly: boolean;
  readonly #minor = Promise.withResolvers<number>();
  #hasBegun = false;
  #streams = 0;
  #running: Running | null = null;

  constructor(front: MountFront, isReadOnly: boolean, kept: KeptBlocks | null, clock: Clock) {
    this.kernel = front;
    this.isReadOnly = isReadOnly;
    this.cache = kept === null ? null : new FarFigures(front, kept, clock);
    front.start((word) => this.#hear(word));
    void front.ended.then(() => this.#minor.resolve(0)); // it has not said so
  }

  async hello(): Promise<MountHello> {
    const hears = (await this.#minor.promise) >= MINOR_EXPIRES;
    const leases = hears && this.cache !== null;
    return {
      owner: this.kernel.owner,
      begins: !this.#hasBegun,
      hears,
      folders: hears && !leases, // with leases what somebody else has made is there once it is closed, not a notice later
      ...(leases && { leases }),
    };
  }

  get ended(): Promise<unknown> {
    return this.kernel.ended;
  }

  async run(stream: Stream, ready: MountReady, lanes: LanePort | null = null): Promise<CausewayError | null> {
    this.#hasBegun = true;
    this.#streams += 1;
    const hasDetours = ready.detours === true && lanes !== null;
    const adopt = (pipe: object) => this.kernel.order({ kind: 'pipe', pipe });
    const offers = hasDetours ? new DetourOffers(stream, lanes, adopt) : null;
    const running = { number: this.#streams, stream, offers };
    this.#running = running;
    this.kernel.order({ kind: 'begin', stream: running.number, ready });
    offers?.ask();
    try {
      for (;;) {
        const message = await stream.receive();
        if (message === null) return null;
        const mark = DetourOffers.markOf(message.bytes);
        if (mark !== null) offers?.hear(mark);
        else this.kernel.order({ kind: 'message', bytes: new Uint8Array(message.bytes) });
        message.release();
      }
    } catch (failure) {
      const error = asCausewayError(failure);
      stream.reset(error);
      return error;
    } finally {
      offers?.end();
      if (this.#running === running) {
        this.#running = null;
        this.kernel.order({ kind: 'over' });
      }
    }
  }

  stalled(isStalled: boolean): void {
    this.kernel.order({ kind: 'stalled', isStalled });
  }

  close(): Promise<void> {
    return this.kernel.close();
  }

  #hear(word: FrontWord): void {
    if (word.kind === 'minor') return this.#minor.resolve(word.minor);
    if (word.kind === 'figures') return this.cache?.told(word.question, word.figures);
    const running = this.#running;
    if (running?.number !== word.stream) return; // of a stream that is over
    if (word.kind === 'send')
      running.stream.send([word.bytes]).catch(() => undefined); // `run` learns why
    else if (word.kind === 'settled') running.offers?.askLater();
    else running.stream.reset(fromReport(word));
  }
}

export interface OpenFarMount {
  readonly clock: Clock;
  /** Access lists name the same users on both sides. */
  readonly hasAcls: boolean;
  readonly readOnly: boolean;
  /** Null: nothing is kept of what is read. */
  readonly kept: KeptBlocks | null;
}

/** Mounts; a thread answers the kernel, and keeps what is read, where this machine offers that. CW_DISK_*, CW_UNSUPPORTED. */
export async function openFarMount(
  mounts: Mounts,
  place: KernelMountOptions,
  options: OpenFarMount,
): Promise<LinkedMount> {
  const { hasAcls, readOnly, kept } = options;
  if (mounts.front !== undefined) {
    const cache = kept === null ? null : { ...kept.cache, place: kept.place };
    return new FarFront(await mounts.front({ ...place, hasAcls, cache }), readOnly, kept, options.clock);
  }
  if (kept === null) return new FarMount(await mounts.mount(place), options);
  const store = await kept.open(); // before: from the mount on its kernel waits for answers
  try {
    const { governor } = kept;
    return new FarMount(await mounts.mount(place), { ...options, store, cache: { ...kept.cache, governor } });
  } catch (failure) {
    await store.close();
    throw failure;
  }
}
