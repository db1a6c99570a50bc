import { LIMITS } from '../../base/limits.ts';
import { isSettled, type KnowingWorld, type KnownFiles, stampOf } from '../../tree/index/known_files.ts';
import type { KnownContent } from '../../wire/known_content.ts';
import type { Clock } from '../../world/clock.ts';
import type { DiskFile } from '../../world/disk.ts';
import { BlockNotes, type ProvenFile } from './block_notes.ts';

export interface KnownBasesParts {
  readonly known: KnownFiles;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly chunkBytes: number;
}

/** What one copy knows of the versions that stand at its destination, and what it notes of those that it puts there. */
export class KnownBases {
  readonly #parts: KnownBasesParts;
  /** By the number of the file that replaces it; the oldest first. */
  readonly #bases = new Map<number, KnownContent>();

  constructor(parts: KnownBasesParts) {
    this.#parts = parts;
  }

  /** Null for a side that remembers nothing. */
  static of({ known, clock }: KnowingWorld, chunkBytes: number): KnownBases | null {
    return known ? new KnownBases({ known, clock, chunkBytes }) : null;
  }

  /** What is known of the version of a file that stands there; null where it has to be read. */
  async knownOf(index: number, base: DiskFile): Promise<KnownContent | null> {
    const { known } = this.#parts;
    const stat = await base.stat();
    if (stat.sizeBytes < known.minFileBytes) return null;
    const content = await known.find(stat);
    const [oldest] = this.#bases.keys();
    if (oldest !== undefined && this.#bases.size >= LIMITS.knownBasesMax.value) this.#bases.delete(oldest);
    if (content !== null) this.#bases.set(index, content);
    return content;
  }

  /** Takes notes while a complete file is read back; null where it is not worth it. */
  begin(target: ProvenFile): BlockNotes | null {
    const { entry, chunks, index } = target;
    if (entry.sizeBytes < this.#parts.known.minFileBytes || !chunks.hasHashes) return null;
    return new BlockNotes(target, this.#parts.chunkBytes, this.#bases.get(index) ?? null);
  }

  /** The file has its name now, and was proven before that. */
  async published(index: number, notes: BlockNotes, file: DiskFile): Promise<void> {
    const { known, clock, chunkBytes } = this.#parts;
    const former = this.#bases.get(index);
    this.#bases.delete(index);
    if (former !== undefined) await known.forget(former.stamp);
    const stat = await file.stat();
    if (stat.sizeBytes !== notes.sizeBytes) return;
    const settled = isSettled(stat, clock.wallMs());
    await known.remember({ stamp: stampOf(stat), settled, chunkBytes, ...notes.hashes() });
  }
}
