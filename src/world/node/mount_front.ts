import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { asCausewayError, type CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { FrontOrder, FrontWord, MountFront, MountFrontOptions, Owner } from '../mounts.ts';
import { type FuseMount, StopPipe } from './fuse_mount.ts';
import { leaveDevice, placeMount, startThread, unmountApart } from './kernel_mount.ts';
import { KernelNotices } from './kernel_notices.ts';
import { dropPipeEnd } from './lane/detour_pipe.ts';
import type { FrontThreadData, FrontWish } from './mount_front_data.ts';
import type { ThreadModule } from './offload.ts';

/** Mounts; a thread reads what the kernel asks, and answers it. */
export async function openMountFront(module: ThreadModule, options: MountFrontOptions): Promise<MountFront> {
  const { hasAcls, readOnly, cache } = options;
  const { mount, mountpoint, owner } = placeMount(options);
  return new NodeMountFront(mount, module, { mountpoint, owner, hasAcls, readOnly, cache });
}

class NodeMountFront implements MountFront {
  readonly mountpoint: string;
  readonly owner: Owner;
  readonly ended: Promise<CausewayError | null>;
  readonly #mount: FuseMount;
  readonly #stop = new StopPipe();
  readonly #worker: Worker;
  readonly #notices: KernelNotices;
  #hear: (word: FrontWord) => void = () => undefined;
  #isOver = false;
  #isUnmounting: Promise<void> | null = null;

  constructor(mount: FuseMount, module: ThreadModule, data: Omit<FrontThreadData, 'fuseFd' | 'stopFd'>) {
    this.mountpoint = data.mountpoint;
    this.owner = data.owner;
    this.#mount = mount;
    this.#notices = new KernelNotices(mount.fd);
    this.#worker = startThread(module, { ...data, fuseFd: mount.fd, stopFd: this.#stop.readFd });
    let failure: CausewayError | null = null;
    this.#worker.on('error', (thrown) => {
      failure = asCausewayError(thrown);
    });
    this.#worker.on('message', (wish: FrontWish) => this.#do(wish));
    this.ended = once(this.#worker, 'exit').then(async () => {
      this.#isOver = true;
      this.#mount.unmount();
      await leaveDevice(this.#mount, this.#notices);
      this.#stop.close();
      return failure;
    });
  }

  start(hear: (word: FrontWord) => void): void {
    this.#hear = hear;
  }

  order(order: FrontOrder): void {
    if (!this.#isOver) this.#worker.postMessage(order);
    else if (order.kind === 'pipe') dropPipeEnd(order.pipe);
  }

  async close(): Promise<void> {
    this.order({ kind: 'close' });
    const late = setTimeout(() => void this.#unmount(), 2 * LIMITS.mountEndMs.value);
    await this.ended;
    clearTimeout(late);
  }

  #do(wish: FrontWish): void {
    if (wish.kind === 'notify') this.#notify(wish.bytes, wish.notice);
    else if (wish.kind === 'readAhead') this.#mount.readAhead(wish.sizeBytes);
    else if (wish.kind === 'unmount') void this.#unmount();
    else this.#hear(wish);
  }

  #notify(bytes: Uint8Array, notice: number | null): void {
    if (this.#isOver) return;
    const done = notice === null ? undefined : () => this.order({ kind: 'told', notice });
    this.#notices.add(bytes, done);
  }

  /** The thread answers what the kernel asks meanwhile. */
  #unmount(): Promise<void> {
    this.#isUnmounting ??= (async () => {
      if (!this.#isOver && this.#mount.isMounted) await unmountApart(this.mountpoint);
      if (!this.#isOver) this.#stop.stop();
    })();
    return this.#isUnmounting;
  }
}
