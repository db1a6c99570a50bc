import { toHex } from '../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { joinAbsolute, joinRel, type Name, parseName, ROOT_PATH } from '../../base/path.ts';
import type { JobView } from '../../contract/schemas.ts';
import type { CreateUploadRequest, UploadView } from '../../contract/upload_schemas.ts';
import type { UploadedFile, UploadsPort } from '../../service/ports.ts';
import { removeAll } from '../../transfer/mirror/subtree.ts';
import { DirCache } from '../../tree/dir_cache.ts';
import type { Dir } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';
import type { UploadFolders } from '../job_ground.ts';
import { Upload } from './upload.ts';

const FOLDER = parseName('uploads');
const FOLDER_MODE = 0o700;
const ID = /^u[0-9a-f]{16}$/;
const ID_BYTES = 8;

type UploadsWorld = Pick<World, 'clock' | 'random'>;

/** What uploads ask the jobs. */
export interface UploadJobs {
  watchAll(listener: (view: JobView) => void, isWanted: () => boolean): () => void;
  /** The uploads that unfinished copies read, and those that can be resumed. */
  uploadsInUse(): Promise<ReadonlySet<string>>;
}

/**
 * Files that people send to be copied, in a folder each below `uploads` of the data directory. They are there as long as
 * they arrive or a copy needs them, and no longer.
 */
export class Uploads implements UploadsPort, UploadFolders, AsyncDisposable {
  readonly #world: UploadsWorld;
  readonly #dir: Dir;
  readonly #path: string;
  readonly #open = new Map<string, Upload>();
  /** Those that a copy was made of, and what an earlier daemon has left. */
  readonly #kept = new Set<string>();
  readonly #stop = new AbortController();
  #jobs: UploadJobs | null = null;
  #sweeping: Promise<void> = Promise.resolve();
  #upkeep: Promise<void> = Promise.resolve();
  #unwatch: () => void = () => undefined;

  private constructor(world: UploadsWorld, dir: Dir, path: string) {
    this.#world = world;
    this.#dir = dir;
    this.#path = path;
  }

  /** CW_DISK_*. */
  static async open(world: UploadsWorld, data: Dir, dataDirectory: string): Promise<Uploads> {
    try {
      await data.makeDir(FOLDER, FOLDER_MODE);
      await data.sync();
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_EXISTS') throw failure;
    }
    const uploads = new Uploads(world, await data.openDir(FOLDER), joinAbsolute(dataDirectory, FOLDER));
    for await (const { name } of uploads.#dir.list())
      if (name !== null && ID.test(name)) uploads.#kept.add(name);
    return uploads;
  }

  /** Removes what an earlier daemon has left and no job names, and from now on what is not needed any more. */
  begin(jobs: UploadJobs): void {
    this.#jobs = jobs;
    this.#unwatch = jobs.watchAll(
      ({ upload, endedAtMs }) => {
        if (upload !== undefined && endedAtMs !== null) void this.#sweep();
      },
      () => false,
    );
    void this.#sweep();
    this.#upkeep = this.#keepUp();
  }

  has(id: string): boolean {
    return this.#kept.has(id) || this.#open.has(id);
  }

  folderOf(id: string): string {
    return joinAbsolute(this.#path, id);
  }

  async create(owner: string, request: CreateUploadRequest): Promise<UploadView> {
    const own = [...this.#open.values()].filter((upload) => upload.owner === owner);
    if (own.length >= LIMITS.uploadsOpenPerUserMax.value)
      throw new CausewayError('CW_LIMIT', 'too many of your uploads are being sent at this moment');
    if (this.#open.size + this.#kept.size >= LIMITS.uploadsMax.value)
      throw new CausewayError('CW_LIMIT', 'there are too many uploads at this moment');
    const id = `u${toHex(this.#world.random.bytes(ID_BYTES))}`;
    await this.#refuseFull(request.bytes);
    const name = parseName(id);
    await this.#dir.makeDir(name, FOLDER_MODE);
    const dir = await this.#dir.openDir(name);
    const upload = new Upload({ id, owner, request, dir, clock: this.#world.clock });
    this.#open.set(id, upload);
    return upload.view();
  }

  view(owner: string, id: string): UploadView {
    return this.#own(owner, id).view();
  }

  targets(owner: string, id: string): Pick<CreateUploadRequest, 'vms' | 'destination'> {
    return this.#own(owner, id).request;
  }

  async addFolders(owner: string, id: string, paths: readonly string[]): Promise<UploadView> {
    const upload = this.#own(owner, id);
    await this.#orRemoved(upload, () => upload.addFolders(paths));
    return upload.view();
  }

  async write(owner: string, id: string, file: UploadedFile): Promise<void> {
    const upload = this.#own(owner, id);
    await this.#orRemoved(upload, () => upload.write(file));
  }

  async remove(owner: string, id: string): Promise<void> {
    const upload = this.#own(owner, id);
    upload.refuseClaimed();
    await this.#remove(upload);
  }

  async copy<T>(owner: string, id: string, sources: readonly string[], work: () => Promise<T>): Promise<T> {
    const upload = this.#own(owner, id);
    upload.claim(sources);
    let result: T;
    try {
      await upload.sync();
      await this.#dir.sync();
      result = await work();
    } catch (failure) {
      upload.release();
      throw failure;
    }
    this.#open.delete(id);
    this.#kept.add(id);
    await upload.close();
    void this.#sweep(); // the copy may have ended already
    return result;
  }

  /** What was sent and not copied is removed at the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#unwatch();
    await this.#upkeep;
    await this.#sweeping;
    await Promise.all([...this.#open.values()].map((upload) => upload.close()));
    this.#open.clear();
    await this.#dir.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #own(owner: string, id: string): Upload {
    const upload = this.#open.get(id);
    if (upload?.owner === owner) return upload;
    throw new CausewayError('CW_UPLOAD_UNKNOWN', `there is no upload ${id} that is being sent`);
  }

  /** An upload that has filled the disk is gone at once: others need the room. */
  async #orRemoved(upload: Upload, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (failure) {
      const { code } = asCausewayError(failure);
      if (code === 'CW_DISK_FULL' || code === 'CW_DISK_QUOTA') await this.#remove(upload);
      throw failure;
    }
  }

  async #refuseFull(bytes: number): Promise<void> {
    const { freeBytes } = await this.#dir.space();
    const promised = [...this.#open.values()].reduce((sum, upload) => sum + upload.missingBytes, 0);
    const roomBytes = Math.max(0, freeBytes - promised - LIMITS.uploadSpareBytes.value);
    if (bytes > roomBytes)
      throw new CausewayError(
        'CW_DISK_FULL',
        `the disk of the daemon has room for ${roomBytes} bytes of uploads, and these are ${bytes}`,
      );
  }

  async #remove(upload: Upload): Promise<void> {
    if (!this.#open.delete(upload.id)) return; // it is being removed already
    await upload.close();
    await this.#removeFiles(upload.id);
  }

  /** What cannot be removed now is tried again with the next sweep. */
  async #removeFiles(id: string): Promise<void> {
    this.#kept.add(id);
    await removeFolder(this.#dir, parseName(id));
    this.#kept.delete(id);
  }

  #sweep(): Promise<void> {
    const swept = this.#sweeping.then(() => this.#sweepOnce());
    this.#sweeping = swept.catch(() => undefined); // a disk or store that fails now: the next sweep does it
    return this.#sweeping;
  }

  async #sweepOnce(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    for (const upload of [...this.#open.values()]) if (upload.isIdle) await this.#remove(upload);
    const kept = [...this.#kept];
    if (kept.length === 0 || this.#jobs === null) return;
    const inUse = await this.#jobs.uploadsInUse();
    for (const id of kept) if (!inUse.has(id)) await this.#removeFiles(id);
  }

  async #keepUp(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#world.clock.sleep(LIMITS.uploadSweepEveryMs.value, signal).catch(() => undefined); // the end
      await this.#sweep();
    }
  }
}

async function removeFolder(parent: Dir, name: Name): Promise<void> {
  await using dirs = new DirCache(parent);
  try {
    await removeAll(dirs, { path: joinRel(ROOT_PATH, name), stat: await parent.stat(name) });
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
}
