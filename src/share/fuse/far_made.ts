import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { PassingFrame } from './far_cache.ts';
import { forgottenBy } from './far_known.ts';
import { errorAnswer, writeHead } from './far_writes.ts';
import { CHANGES_FOLDER, FOLDER_ATTRS_BYTES, FOLDER_NOTE_BYTES, FOLDER_TOLD } from './folder_notes.ts';
import { ATTR_OUT_BYTES, ERRNO, IN_HEADER_BYTES, NOTICE_FOLDER, OP, OUT_HEADER_BYTES } from './protocol.ts';

/** Requests that change a folder's own attributes, beside those that change its names. */
const CHANGES_ATTRS: ReadonlySet<number> = new Set([
  ...CHANGES_FOLDER,
  OP.setattr,
  OP.setxattr,
  OP.removexattr,
]);
/** What stands before the first name of a request that makes one. */
const NAME_AFTER: ReadonlyMap<number, number> = new Map([
  [OP.create, 16],
  [OP.mknod, 16],
  [OP.mkdir, 8],
  [OP.link, 8],
  [OP.symlink, 0],
]);
const NODE_AT = 16;

/**
 * What the other machine has told of folders that this mount makes and fills, so that its kernel has an answer at once: that a
 * name is not there, in a folder that was made through this very mount, that nobody else has changed since, and of whose
 * changes by others this side is told; and the attributes of the folder that was changed last.
 */
export class FarMade {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** Names that may be there, bytes as Latin-1, by the folders of which all such names are known; the oldest first. */
  readonly #names = new Map<bigint, Set<string>>();
  #nameCount = 0;
  /** The folder that was made last, as long as nothing was asked about it. */
  #fresh: bigint | null = null;
  #attrs: { readonly node: bigint; readonly bytes: Uint8Array; readonly untilMs: number } | null = null;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Folders of which it is known what is not in them. */
  get folders(): number {
    return this.#names.size;
  }

  /** Notes a request of the kernel; the answer to it where that is known. */
  passing(frame: PassingFrame): Uint8Array | null {
    const { opcode, view } = frame;
    const node = view.getBigUint64(NODE_AT, true);
    if (node === this.#fresh) this.#fresh = null;
    if (opcode === OP.lookup) return this.#lookup(node, frame);
    if (opcode === OP.getattr) return this.#getattr(node, frame);
    if (CHANGES_ATTRS.has(opcode)) this.#changes(node, frame);
    for (const id of forgottenBy(frame)) this.changed(id);
    return null;
  }

  /** Notes an answer of the other machine. */
  told(opcode: number, answer: DataView): void {
    if (opcode !== OP.mkdir || answer.getInt32(4, true) !== 0) return;
    if (answer.byteLength >= OUT_HEADER_BYTES + 8) this.#fresh = answer.getBigUint64(OUT_HEADER_BYTES, true);
  }

  /** Takes what the other machine tells beside an answer; false where it is something else. */
  note(bytes: Uint8Array, view: DataView): boolean {
    if (view.getInt32(4, true) !== NOTICE_FOLDER) return false;
    if (bytes.byteLength < FOLDER_NOTE_BYTES) return true;
    const node = view.getBigUint64(OUT_HEADER_BYTES, true);
    const told = view.getUint32(OUT_HEADER_BYTES + 8, true);
    if ((told & FOLDER_TOLD.isEmpty) !== 0 && node === this.#fresh) this.#known(node);
    if ((told & FOLDER_TOLD.attrs) !== 0 && bytes.byteLength >= FOLDER_ATTRS_BYTES)
      this.#attrs = {
        node,
        bytes: bytes.slice(FOLDER_NOTE_BYTES, FOLDER_ATTRS_BYTES),
        untilMs: this.#clock.monotonicMs() + LIMITS.mountFolderNoteMs.value,
      };
    return true;
  }

  /** Something else than this mount has changed it, or it is known no more. */
  changed(node: bigint): void {
    this.#nameCount -= this.#names.get(node)?.size ?? 0;
    this.#names.delete(node);
    if (node === this.#attrs?.node) this.#attrs = null;
    if (node === this.#fresh) this.#fresh = null;
  }

  /** Nobody tells of changes now. */
  reset(): void {
    this.#names.clear();
    this.#nameCount = 0;
    this.#attrs = null;
    this.#fresh = null;
  }

  #lookup(node: bigint, { bytes, unique }: PassingFrame): Uint8Array | null {
    const names = this.#names.get(node);
    if (names === undefined) return null;
    const name = nameAt(bytes, IN_HEADER_BYTES);
    return name === null || names.has(name) ? null : errorAnswer(unique, ERRNO.ENOENT);
  }

  #getattr(node: bigint, { bytes, view, unique }: PassingFrame): Uint8Array | null {
    const told = this.#attrs;
    if (told?.node !== node || this.#clock.monotonicMs() > told.untilMs) return null;
    if (bytes.byteLength < IN_HEADER_BYTES + 4 || view.getUint32(IN_HEADER_BYTES, true) !== 0) return null;
    const answer = new Uint8Array(OUT_HEADER_BYTES + ATTR_OUT_BYTES);
    writeHead(new DataView(answer.buffer), 0, unique);
    answer.set(told.bytes, OUT_HEADER_BYTES);
    return answer;
  }

  #changes(node: bigint, { opcode, bytes, view }: PassingFrame): void {
    if (node === this.#attrs?.node) this.#attrs = null;
    if (opcode === OP.rename || opcode === OP.rename2) {
      const headBytes = opcode === OP.rename ? 8 : 16;
      if (bytes.byteLength < IN_HEADER_BYTES + headBytes) return;
      const to = view.getBigUint64(IN_HEADER_BYTES, true);
      if (to === this.#attrs?.node) this.#attrs = null;
      const end = bytes.indexOf(0, IN_HEADER_BYTES + headBytes);
      return this.#mayBeThere(to, end < 0 ? null : nameAt(bytes, end + 1));
    }
    const before = NAME_AFTER.get(opcode);
    if (before !== undefined) this.#mayBeThere(node, nameAt(bytes, IN_HEADER_BYTES + before));
  }

  /** Whatever comes of the request: others may make the same name at the same moment. */
  #mayBeThere(folder: bigint, name: string | null): void {
    const names = this.#names.get(folder);
    if (names === undefined) return;
    if (name === null) return this.changed(folder);
    const before = names.size;
    this.#nameCount += names.add(name).size - before;
    if (this.#nameCount > LIMITS.mountMadeNamesMax.value) this.#forgetOldest();
  }

  #known(folder: bigint): void {
    this.#names.set(folder, new Set());
    if (this.#names.size > LIMITS.mountMadeFoldersMax.value) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const [oldest] = this.#names.keys();
    if (oldest !== undefined) this.changed(oldest);
  }
}

/** The name that begins there, bytes as Latin-1; null where there is none. */
function nameAt(bytes: Uint8Array, at: number): string | null {
  const end = bytes.indexOf(0, at);
  if (end <= at) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('latin1');
}
