import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { QuotaSeat, RecordSeat, ToldDeed } from '../world/mounts.ts';
import { type FuseMount, mountFuse } from '../world/node/fuse_mount.ts';
import { type FuseThread, startFuseThread } from '../world/node/fuse_thread.ts';
import { realFolder } from '../world/node/real_folder.ts';
import { MOUNT_SIDE_THREAD } from './mount_side_thread_module.ts';
import { MOUNT_THREAD } from './mount_thread_module.ts';

export interface LocalMountRequest {
  /** Absolute paths of folders. */
  readonly source: string;
  readonly mountpoint: string;
  readonly readOnly: boolean;
  readonly allowOther: boolean;
  /** How long the kernel believes names and attributes, 0 to 3,600,000. */
  readonly cacheMs: number;
  /** Lets the kernel move the bytes of files by itself where it offers that. */
  readonly passthrough: boolean;
  /** Null: its files may be as large as they like. */
  readonly quota: QuotaSeat | null;
  /** Null: nothing is recorded. */
  readonly records: RecordSeat | null;
}

/** A folder of this machine, mounted at another place of it, as long as this process serves it. */
export class LocalMount {
  readonly mountpoint: string;
  readonly #mount: FuseMount;
  readonly #thread: FuseThread;

  private constructor(mountpoint: string, mount: FuseMount, thread: FuseThread) {
    this.mountpoint = mountpoint;
    this.#mount = mount;
    this.#thread = thread;
  }

  /** CW_DISK_NOT_FOUND, CW_DISK_NOT_DIRECTORY, CW_USAGE, CW_DISK_PERMISSION, CW_UNSUPPORTED. */
  static async open(request: LocalMountRequest, tell?: (told: ToldDeed) => void): Promise<LocalMount> {
    const { readOnly, allowOther, cacheMs, passthrough, quota, records } = request;
    const source = realFolder(request.source);
    const mountpoint = realFolder(request.mountpoint);
    // a request for what is below the mountpoint would be made to the one who has to answer it
    if (source === '/' || mountpoint === source || mountpoint.startsWith(`${source}/`))
      throw new CausewayError(
        'CW_USAGE',
        `${mountpoint} lies in ${source}: a folder cannot be mounted inside itself`,
      );
    const readMaxBytes = LIMITS.mountReadMaxBytes.value;
    const mount = mountFuse({ mountpoint, source, readOnly, allowOther, readMaxBytes });
    const thread = startFuseThread(
      { serving: MOUNT_THREAD, side: MOUNT_SIDE_THREAD },
      {
        fuseFd: mount.fd,
        source,
        readOnly,
        cacheMs,
        passthrough,
        quota,
        records,
      },
      tell,
    );
    try {
      await thread.ready;
    } catch (failure) {
      mount.unmount();
      void thread.ended.then(() => mount.closeDevice());
      throw failure;
    }
    return new LocalMount(mountpoint, mount, thread);
  }

  /** When it has ended, unmounted by whomever: null, or why. */
  get ended(): Promise<CausewayError | null> {
    return this.#thread.ended;
  }

  /** Not while this thread makes somebody wait whom the mount may have to wait for. */
  async close(): Promise<void> {
    this.#mount.unmount();
    this.#thread.stop();
    await this.#thread.ended;
    this.#mount.closeDevice();
  }

  /** The same for a daemon, whose other work goes on: what is asked meanwhile fails. */
  async cut(): Promise<void> {
    this.#thread.stop();
    await this.#thread.ended;
    this.#mount.closeDevice();
    this.#mount.unmount();
  }
}
