import { LIMITS } from '../base/limits.ts';
import type { DiskFile } from '../world/disk.ts';
import type { PartialStore } from './partial_store.ts';
import type { WriteTarget } from './sink_writer.ts';
import type { StageMeter } from './stage_meter.ts';
import { temporaryOf } from './temporary_name.ts';
import type { VersionsThere } from './versions_there.ts';

/** The version that stands at the destination. */
export interface Base {
  readonly file: DiskFile;
  /** The partial file began as a clone of it. */
  readonly cloned: boolean;
}

interface Slot {
  readonly opening: Promise<DiskFile>;
  /** Present once a patch has asked for it. */
  base: Promise<Base> | null;
  /** Something was written, or left out, that a clone would undo. */
  begun: boolean;
  users: number;
}

export interface OpenPartialsParts {
  readonly store: PartialStore;
  readonly versions: VersionsThere;
  readonly meter: StageMeter;
}

/**
 * Partial files of more than one chunk, which stay open while they grow; not more than LIMITS.openFilesMax that nobody
 * uses. Errors are CW_DISK_*.
 */
export class OpenPartials {
  readonly #parts: OpenPartialsParts;
  readonly #open = new Map<number, Slot>();
  #newNames = false;

  constructor(parts: OpenPartialsParts) {
    this.#parts = parts;
  }

  has(target: WriteTarget): boolean {
    return this.#open.has(target.index);
  }

  /** Whether names were made since this was asked last: their folder is to be flushed. */
  takeNewNames(): boolean {
    const were = this.#newNames;
    this.#newNames = false;
    return were;
  }

  /** `base` gives the version that stands at the destination, null where it is gone or cannot be read. */
  async use<T>(
    target: WriteTarget,
    work: (file: DiskFile, base: () => Promise<Base | null>) => Promise<T>,
  ): Promise<T> {
    let slot = this.#open.get(target.index);
    if (!slot) {
      await this.#trim();
      slot = this.#open.get(target.index) ?? {
        opening: this.#openToWrite(target),
        base: null,
        begun: false,
        users: 0,
      };
      this.#open.set(target.index, slot);
      this.#newNames = true;
    }
    const taken = slot;
    taken.users += 1;
    try {
      const file = await taken.opening;
      return await work(file, () => {
        taken.base ??= this.#openBase(target, file, taken);
        return taken.base.catch(() => null); // the chunk comes in whole then
      });
    } finally {
      taken.users -= 1;
    }
  }

  /** The same for zeros that need not be written: the file is not, and will not be, a clone that has other bytes there. */
  useForZeros<T>(target: WriteTarget, work: (file: DiskFile) => Promise<T>): Promise<T> {
    return this.use(target, async (file) => {
      const slot = this.#open.get(target.index);
      if (slot) slot.begun = true;
      await slot?.base?.catch(() => null); // who asked for it has seen the failure
      return work(file);
    });
  }

  /** A file of one chunk is opened for it alone. */
  async useOnce<T>(target: WriteTarget, work: (file: DiskFile) => Promise<T>): Promise<T> {
    const file = await this.#openToWrite(target);
    try {
      return await work(file);
    } finally {
      await file.close();
      this.#newNames = true;
    }
  }

  async close(index: number): Promise<void> {
    const slot = this.#open.get(index);
    if (!slot) return;
    this.#open.delete(index);
    const file = await slot.opening.catch(() => null); // the failure to open was reported to the writer of the chunk
    await file?.close();
    const base = await slot.base?.catch(() => null); // it could not be opened
    await base?.file.close();
  }

  async closeAll(): Promise<void> {
    for (const index of [...this.#open.keys()]) await this.close(index);
  }

  /** Where the file system can, the partial file begins as a clone of the version that is there, so that what is equal costs nothing. */
  async #openBase(target: WriteTarget, partial: DiskFile, slot: Slot): Promise<Base> {
    const file = await this.#parts.versions.open(target);
    const { sizeBytes } = await file.stat();
    const { copies } = partial.caps;
    if (copies === null || (await partial.stat()).sizeBytes > 0 || slot.begun) return { file, cloned: false };
    const cloned = await copies.reflink(file, 0, 0, sizeBytes).then(
      () => true,
      () => false, // then each range is copied
    );
    return { file, cloned };
  }

  #openToWrite(target: WriteTarget): Promise<DiskFile> {
    const { meter, store } = this.#parts;
    return meter.run('destinationWrite', 0, () => store.dir.openFile(temporaryOf(target), 'append', 0o600));
  }

  async #trim(): Promise<void> {
    if (this.#open.size < LIMITS.openFilesMax.value) return;
    for (const [index, slot] of this.#open) {
      if (slot.users === 0) return this.close(index);
    }
  }
}
