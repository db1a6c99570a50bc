import { LIMITS } from '../../base/limits.ts';
import type { FileVersion } from '../../cache/store/store_types.ts';
import type { FarLook } from './cache_frames.ts';

/** A file that is open in a mount with a cache: what is known of it, and since when. */
export class CachedFile {
  readonly node: bigint;
  /** Openers of it. */
  opens = 0;
  /** Changes by this mount that have no answer yet. */
  changes = 0;
  /** Changes with whatever may mean that bytes are different now. */
  epoch = 0;
  /** Where it is being asked what the file is like now. */
  looking: Promise<void> | null = null;
  #of: FileVersion | null = null;
  #lookedMs = 0;
  #seenMs = 0;
  #isOld = false;

  constructor(node: bigint) {
    this.node = node;
  }

  /** Its version, as it was not long ago, or as a lease says; null where it has to be asked for. */
  versionAt(nowMs: number, isLeased = false): FileVersion | null {
    const isFresh = isLeased || nowMs - this.#lookedMs <= LIMITS.cacheStalenessMs.value;
    return isFresh && this.changes === 0 ? this.#of : null;
  }

  /**
   * Whether each further change of the file shows in its version. Not while the last one is so recent that the next one may
   * get the same time: bytes read now would be taken for those of both.
   */
  isSettledAt(nowMs: number): boolean {
    return this.#isOld || nowMs - this.#seenMs > LIMITS.cacheSettledMs.value;
  }

  /** Its version when it was last asked for, where each change since shows in another one; null otherwise. */
  get settled(): FileVersion | null {
    return this.changes === 0 && this.isSettledAt(this.#lookedMs) ? this.#of : null;
  }

  /** What the other machine said to a question of that time. `farMs` was its clock then; null where that is not known. */
  seen(look: FarLook | null, askedMs: number, farMs: number | null): void {
    if (look === null || !look.isFile) return void this.doubt();
    const isNew = this.#of?.version !== look.version || this.#of.file !== look.file;
    if (isNew) {
      this.epoch += 1;
      this.#of = { file: look.file, version: look.version, sizeBytes: look.sizeBytes };
      this.#seenMs = askedMs;
      this.#isOld = false;
    }
    this.#isOld ||= farMs !== null && farMs - look.changedMs > LIMITS.cacheSettledMs.value;
    this.#lookedMs = askedMs;
  }

  /** The kernel was told of a version. */
  told(version: string): void {
    if (this.#of !== null && this.#of.version !== version) this.doubt();
  }

  /** It may be different now. What it was, where that was known. */
  doubt(): FileVersion | null {
    const was = this.#of;
    this.#of = null;
    this.epoch += 1;
    return was;
  }
}
