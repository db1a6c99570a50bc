import { LIMITS } from '../../base/limits.ts';
import type { SmallFile } from '../../cache/read_ahead/folder_ahead.ts';
import type { PassingFrame } from './far_cache.ts';
import {
  DIRENT_BYTES,
  ENTRY_BYTES,
  IN_HEADER_BYTES,
  KIND_FILE,
  KIND_MASK,
  OP,
  OUT_HEADER_BYTES,
} from './protocol.ts';

const ASKED_MAX = 1_024;
/** In a `struct fuse_entry_out`, of the attributes in it. */
const [SIZE_AT, MODE_AT] = [40 + 8, 40 + 60] as const;

interface Listing {
  readonly files: SmallFile[];
}

/** In which order folders list their files, as the kernel was told lately: what is read next where somebody reads all of them. */
export class FarListings {
  /** Least recently listed first. */
  readonly #folders = new Map<number, Listing>();
  readonly #folderOf = new Map<number, number>();
  /** READDIRPLUS that have no answer yet. */
  readonly #asked = new Map<bigint, { readonly folder: number; readonly isFirst: boolean }>();

  /** Notes a request of the kernel. */
  passing({ opcode, view, unique, bytes }: PassingFrame): void {
    if (opcode !== OP.readdirplus || bytes.byteLength < IN_HEADER_BYTES + 16) return;
    if (this.#asked.size >= ASKED_MAX) this.#asked.clear();
    const isFirst = view.getBigUint64(IN_HEADER_BYTES + 8, true) === 0n;
    this.#asked.set(unique, { folder: Number(view.getBigUint64(16, true)), isFirst });
  }

  /** Notes an answer of the other machine. */
  told(opcode: number, unique: bigint, answer: Uint8Array): void {
    if (opcode !== OP.readdirplus) return;
    const asked = this.#asked.get(unique);
    if (asked === undefined) return;
    this.#asked.delete(unique);
    const { files } = this.#listingOf(asked.folder, asked.isFirst);
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    if (view.getInt32(4, true) !== 0) return;
    for (let at = OUT_HEADER_BYTES; at + ENTRY_BYTES + DIRENT_BYTES <= answer.byteLength; ) {
      const node = Number(view.getBigUint64(at, true));
      const isFile = (view.getUint32(at + MODE_AT, true) & KIND_MASK) === KIND_FILE;
      if (node !== 0 && isFile && files.length < LIMITS.cacheListedFilesMax.value) {
        files.push({ file: node, sizeBytes: Number(view.getBigUint64(at + SIZE_AT, true)) });
        this.#folderOf.set(node, asked.folder);
      }
      at += (ENTRY_BYTES + DIRENT_BYTES + view.getUint32(at + ENTRY_BYTES + 16, true) + 7) & ~7;
    }
  }

  /** The folder that has listed a file, and all that it has listed; null where none has. */
  of(file: number): { readonly folder: number; readonly files: readonly SmallFile[] } | null {
    const folder = this.#folderOf.get(file);
    const listing = folder === undefined ? undefined : this.#folders.get(folder);
    return folder === undefined || listing === undefined ? null : { folder, files: listing.files };
  }

  #listingOf(folder: number, isFirst: boolean): Listing {
    const known = this.#folders.get(folder);
    if (known !== undefined && !isFirst) return known;
    if (known !== undefined) this.#forget(folder, known);
    if (this.#folders.size >= LIMITS.cacheListedFoldersMax.value)
      for (const [oldest, listing] of this.#folders) {
        this.#forget(oldest, listing);
        break;
      }
    const fresh: Listing = { files: [] };
    this.#folders.set(folder, fresh);
    return fresh;
  }

  #forget(folder: number, { files }: Listing): void {
    this.#folders.delete(folder);
    for (const { file } of files) if (this.#folderOf.get(file) === folder) this.#folderOf.delete(file);
  }
}
