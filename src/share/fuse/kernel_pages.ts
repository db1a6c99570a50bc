import { LIMITS } from '../../base/limits.ts';
import type { CachedFile } from './cached_file.ts';
import { OPENED_KEEPS, OUT_HEADER_BYTES } from './protocol.ts';

const FLAGS_AT = OUT_HEADER_BYTES + 8;

/**
 * Which version of which file the kernel of a mount has pages of. At each open it drops them, unless it is told to keep them;
 * it may where all that it can have read since it dropped them last is of the version that the file has now. So a version
 * counts only once each later change gets another one, and what this mount changes itself has none.
 */
export class KernelPages {
  /** By node, least recently noted first. */
  readonly #versions = new Map<bigint, string>();

  /** Puts into the answer to an OPEN whether the kernel keeps what it has of that file, of which it was just asked. */
  opened(answer: Uint8Array, file: CachedFile): void {
    const of = file.settled;
    const known = this.#versions.get(file.node);
    this.#versions.delete(file.node);
    if (of === null) return;
    const version = `${of.file} ${of.version}`;
    this.#versions.set(file.node, version);
    if (this.#versions.size > LIMITS.cacheFilesMax.value)
      for (const oldest of this.#versions.keys()) return void this.#versions.delete(oldest);
    if (known !== version) return;
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    view.setUint32(FLAGS_AT, view.getUint32(FLAGS_AT, true) | OPENED_KEEPS, true);
  }

  /** This mount changes it. */
  changed(node: bigint): void {
    this.#versions.delete(node);
  }
}
