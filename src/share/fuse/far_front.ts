import { asCausewayError, type CausewayError, fromReport } from '../../base/errors.ts';
import type { LanePort } from '../../link/lane/lane_port.ts';
import type { Stream } from '../../link/mux/mux.ts';
import type { MountHello, MountReady } from '../../wire/mount_messages.ts';
import type { FrontWord, KernelMountOptions, MountFront, Mounts } from '../../world/mounts.ts';
import { DetourOffers } from './detour_offers.ts';
import { FarMount, type FarMountOptions, MINOR_EXPIRES } from './far_mount.ts';
import type { LinkedMount } from './linked_mount.ts';

interface Running {
  readonly number: number;
  readonly stream: Stream;
  readonly offers: DetourOffers | null;
}

/** One whose kernel a thread answers: this thread passes on what goes over the link, and sees nothing of what goes past it. */
export class FarFront implements LinkedMount {
  readonly kernel: MountFront;
  readonly cache = null;
  readonly isReadOnly: boolean;
  readonly #minor = Promise.withResolvers<number>();
  #hasBegun = false;
  #streams = 0;
  #running: Running | null = null;

  constructor(front: MountFront, isReadOnly: boolean) {
    this.kernel = front;
    this.isReadOnly = isReadOnly;
    front.start((word) => this.#hear(word));
    void front.ended.then(() => this.#minor.resolve(0)); // it has not said so
  }

  async hello(): Promise<MountHello> {
    const hears = (await this.#minor.promise) >= MINOR_EXPIRES;
    return { owner: this.kernel.owner, begins: !this.#hasBegun, hears };
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
    const running = this.#running;
    if (running?.number !== word.stream) return; // of a stream that is over
    if (word.kind === 'send')
      running.stream.send([word.bytes]).catch(() => undefined); // `run` learns why
    else if (word.kind === 'settled') running.offers?.askLater();
    else running.stream.reset(fromReport(word));
  }
}

/** Mounts. What is kept of what is read is this thread's matter: only a mount without has a thread that answers. CW_DISK_*, CW_UNSUPPORTED. */
export async function openFarMount(
  mounts: Mounts,
  place: KernelMountOptions,
  options: FarMountOptions,
): Promise<LinkedMount> {
  const { hasAcls, store, readOnly = false } = options;
  if (store || mounts.front === undefined) return new FarMount(await mounts.mount(place), options);
  return new FarFront(await mounts.front({ ...place, hasAcls }), readOnly);
}
