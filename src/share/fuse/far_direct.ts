import type { PassingFrame } from './far_cache.ts';
import {
  ENTRY_BYTES,
  IN_HEADER_BYTES,
  O_ACCESS,
  OP,
  OPENED_DIRECT,
  OUT_HEADER_BYTES,
  READ_HAS_OWNER,
  WRITE_FROM_PAGES,
} from './protocol.ts';

const NODE_AT = 16;
const FLAGS_AT = IN_HEADER_BYTES;
const HANDLE_AT = IN_HEADER_BYTES;
/** Of READ and WRITE: their own flags. */
const ACCESS_FLAGS_AT = IN_HEADER_BYTES + 20;
const O_WRONLY = 1;
/** Of the answer to OPEN: `struct fuse_open_out`; CREATE tells the entry before it. */
const OPENED = { handle: 0, flags: 8, bytes: 16 } as const;

/**
 * Files that the kernel writes past its pages. A program that makes a file to write to it fills pages that nobody reads: the next
 * open drops them. Without them a write is copied once less, and the kernel does not ask for an attribute before it. Whoever opens
 * such a file while it is open reads and writes past the pages too: what one handle writes then is what the others read. Only who
 * maps the file into memory gets pages. They could be filled while a write is on its way: so from then on each write waits until the
 * other machine has it, and the kernel has dropped its pages after that.
 */
export class FarDirect {
  /** Handles of each such file. */
  readonly #handles = new Map<bigint, Set<bigint>>();
  /** Those of which the kernel has asked for pages. */
  readonly #mapped = new Set<bigint>();
  /** WRITEs to those that have no answer yet, and their files. */
  readonly #writing = new Map<bigint, bigint>();
  /** Requests that may open one: the node of an OPEN, null for a new file. */
  readonly #opening = new Map<bigint, bigint | null>();
  /** The kernel offers it: false before it was asked. */
  isOffered = false;

  /** Files that are open so. */
  get size(): number {
    return this.#handles.size;
  }

  /** Notes a request of the kernel. */
  passing({ opcode, view, bytes, unique }: PassingFrame): void {
    if (!this.isOffered || bytes.byteLength < HANDLE_AT + 8) return;
    if (opcode === OP.create) {
      if ((view.getUint32(FLAGS_AT, true) & O_ACCESS) === O_WRONLY) this.#opening.set(unique, null);
    } else if (this.#handles.size > 0 || this.#opening.size > 0)
      this.#noteKnown({ opcode, view, bytes, unique });
  }

  #noteKnown({ opcode, view, bytes, unique }: PassingFrame): void {
    const node = view.getBigUint64(NODE_AT, true);
    if (opcode === OP.open) this.#opening.set(unique, node);
    else if (opcode === OP.release) this.#closed(node, view.getBigUint64(HANDLE_AT, true));
    else if (opcode !== OP.read && opcode !== OP.write) return;
    else if (bytes.byteLength < ACCESS_FLAGS_AT + 4 || !this.#handles.has(node)) return;
    else if (opcode === OP.read) {
      if ((view.getUint32(ACCESS_FLAGS_AT, true) & READ_HAS_OWNER) === 0) this.#mapped.add(node);
    } else if (this.#mapped.has(node) && (view.getUint32(ACCESS_FLAGS_AT, true) & WRITE_FROM_PAGES) === 0)
      this.#writing.set(unique, node); // not what the kernel writes back: who drops pages waits for that
  }

  /** Whether a WRITE may be answered before the other machine has it. */
  mayGoAhead(unique: bigint): boolean {
    return !this.#writing.has(unique);
  }

  /** The file whose pages the kernel is to drop before it gets this answer; null where that is nothing of the kind. */
  written(unique: bigint): bigint | null {
    const node = this.#writing.get(unique);
    if (node === undefined) return null;
    this.#writing.delete(unique);
    return node;
  }

  /** Puts into the answer of the other machine that the file is open past the pages, where it is. */
  answered(unique: bigint, answer: Uint8Array): void {
    const asked = this.#opening.get(unique);
    if (asked === undefined) return;
    this.#opening.delete(unique);
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    const at = OUT_HEADER_BYTES + (asked === null ? ENTRY_BYTES : 0);
    if (view.getInt32(4, true) !== 0 || answer.byteLength < at + OPENED.bytes) return;
    const node = asked ?? view.getBigUint64(OUT_HEADER_BYTES, true);
    const handles = this.#handles.get(node) ?? new Set();
    if (asked !== null && handles.size === 0) return; // it was closed meanwhile
    this.#handles.set(node, handles.add(view.getBigUint64(at + OPENED.handle, true)));
    view.setUint32(at + OPENED.flags, view.getUint32(at + OPENED.flags, true) | OPENED_DIRECT, true);
  }

  #closed(node: bigint, handle: bigint): void {
    const handles = this.#handles.get(node);
    handles?.delete(handle);
    if (handles?.size !== 0) return;
    this.#handles.delete(node);
    this.#mapped.delete(node);
  }
}
