import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { Worker } from 'node:worker_threads';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { KernelMount, KernelMountOptions, Owner, TakeBytes } from '../mounts.ts';
import { type FuseMount, listFuseMounts, mountFuse, StopPipe } from './fuse_mount.ts';
import type { KernelReadData, ReadRequests } from './kernel_mount_thread.ts';
import { KernelNotices } from './kernel_notices.ts';
import type { ThreadModule } from './offload.ts';
import { realFolder } from './real_folder.ts';
import { Slots } from './slots.ts';

const HEADER_ROOM = 4_096;
/** Small requests that come together go together, as long as there is room for a large one behind them. */
const SMALL_ROOM = 64 * 1024;

interface PlacedMount {
  readonly mount: FuseMount;
  readonly mountpoint: string;
  readonly owner: Owner;
}

/** Mounts, and has nobody answer yet. CW_DISK_BUSY where something of this program is mounted there, CW_DISK_*. */
export function placeMount(options: KernelMountOptions): PlacedMount {
  const { source, readOnly, allowOther } = options;
  if (listFuseMounts().some((one) => one.mountpoint === options.mountpoint))
    throw new CausewayError(
      'CW_DISK_BUSY',
      `something that Causeway serves is mounted at ${options.mountpoint}`,
    );
  if (options.makes) fs.mkdirSync(options.mountpoint, { recursive: true });
  const mountpoint = realFolder(options.mountpoint);
  const { uid, gid } = fs.statSync(mountpoint);
  const readMaxBytes = LIMITS.mountReadMaxBytes.value;
  const mount = mountFuse({ mountpoint, source, readOnly, allowOther, readMaxBytes });
  return { mount, mountpoint, owner: { userId: uid, groupId: gid } };
}

/** Mounts; a thread reads what the kernel asks, and the calling thread answers. */
export async function openKernelMount(
  reading: ThreadModule,
  options: KernelMountOptions,
): Promise<KernelMount> {
  const { mount, ...place } = placeMount(options);
  return new NodeKernelMount(place, mount, reading);
}

class NodeKernelMount implements KernelMount {
  readonly mountpoint: string;
  readonly owner: Owner;
  readonly ended: Promise<CausewayError | null>;
  readonly #mount: FuseMount;
  readonly #stop = new StopPipe();
  readonly #worker: Worker;
  readonly #notices: KernelNotices;
  #isOver = false;

  constructor(place: Pick<KernelMount, 'mountpoint' | 'owner'>, mount: FuseMount, reading: ThreadModule) {
    this.mountpoint = place.mountpoint;
    this.owner = place.owner;
    this.#mount = mount;
    this.#notices = new KernelNotices(mount.fd);
    const slotsMax = LIMITS.mountSlotsMax.value;
    const requestBytes = LIMITS.mountWriteMaxBytes.value + HEADER_ROOM;
    const slotBytes = requestBytes + SMALL_ROOM;
    const data: KernelReadData = {
      fuseFd: mount.fd,
      stopFd: this.#stop.readFd,
      memory: new SharedArrayBuffer(slotsMax * slotBytes),
      states: Slots.statesFor(slotsMax),
      slotBytes,
      requestBytes,
    };
    this.#memory = new Uint8Array(data.memory);
    this.#slots = new Slots(data.states, 0, slotBytes);
    this.#worker = startThread(reading, data);
    let failure: CausewayError | null = null;
    this.#worker.on('error', (thrown) => {
      failure = asCausewayError(thrown);
    });
    this.ended = once(this.#worker, 'exit').then(async () => {
      this.#isOver = true;
      this.#mount.unmount();
      await leaveDevice(this.#mount, this.#notices);
      this.#stop.close();
      return failure;
    });
  }

  /** No Buffer: whoever keeps a part of it by `slice` wants a copy. */
  readonly #memory: Uint8Array;
  readonly #slots: Slots;

  start(take: TakeBytes): void {
    this.#worker.on('message', ({ slot, sizeBytes }: ReadRequests) => {
      const at = this.#slots.placeOf(slot);
      take(this.#memory.subarray(at, at + sizeBytes), () => this.#slots.give(slot));
    });
  }

  answer(...parts: readonly Uint8Array[]): void {
    if (this.#isOver) return;
    try {
      fs.writevSync(this.#mount.fd, parts);
    } catch {
      // whoever asked does not wait any more: it was interrupted, or the mount has ended
    }
  }

  notify(bytes: Uint8Array, done?: () => void): void {
    if (this.#isOver) return done?.();
    this.#notices.add(bytes, done);
  }

  readAhead(sizeBytes: number): void {
    this.#mount.readAhead(sizeBytes);
  }

  async close(): Promise<void> {
    if (!this.#isOver && this.#mount.isMounted) await unmountApart(this.mountpoint);
    if (!this.#isOver) this.#stop.stop();
    await this.ended;
  }
}

/** Not while something is told: the number of the descriptor may be another file's by then. */
export async function leaveDevice(mount: FuseMount, notices: KernelNotices): Promise<void> {
  const left = notices.close().then(() => fs.closeSync(mount.fd));
  let late: NodeJS.Timeout | undefined;
  const waited = new Promise<void>((resolve) => {
    late = setTimeout(resolve, LIMITS.mountEndMs.value);
  });
  await Promise.race([left, waited.then(() => mount.abort())]);
  clearTimeout(late);
}

/** In a process of its own: the kernel may write back what is dirty first, which this one has to answer. */
export async function unmountApart(mountpoint: string): Promise<void> {
  const [command, args] =
    process.geteuid?.() === 0
      ? ['umount', ['-l', '-i', '--', mountpoint]]
      : ['fusermount3', ['-u', '-z', '--', mountpoint]];
  const child = spawn(command as string, args as string[], { stdio: 'ignore' });
  await new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve()); // the guard unmounts once this process has let go of the device
  });
}

export function startThread(module: ThreadModule, workerData: object): Worker {
  const options = {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    trackUnmanagedFds: false,
    workerData,
  };
  if ('url' in module) return new Worker(new URL(module.url), options);
  return new Worker(module.text, { ...options, eval: true });
}
