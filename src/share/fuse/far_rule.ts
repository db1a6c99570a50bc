import { ENTRY_BYTES, IN_HEADER_BYTES, O_ACCESS, OP, OUT_HEADER_BYTES } from './protocol.ts';

/** What a cache of blocks does with what is written, and with what is read in order. It can be set to something else at any time. */
export interface FarRuleSettings {
  /** Files that are opened to be written only pass the kernel's pages by. */
  readonly isAround: boolean;
  /** Every change is refused. */
  readonly isReadOnly: boolean;
  /** What is read in order of a file is not kept on the disk after so many bytes; 0: all of it is. */
  readonly cutoffBytes: number;
}

export const USUAL_RULE: FarRuleSettings = { isAround: false, isReadOnly: false, cutoffBytes: 0 };

const O_WRONLY = 1;
const OPENED_DIRECT = 1 << 0;
const CHANGES: ReadonlySet<number> = new Set([
  OP.setattr,
  OP.symlink,
  OP.mknod,
  OP.mkdir,
  OP.unlink,
  OP.rmdir,
  OP.rename,
  OP.rename2,
  OP.link,
  OP.write,
  OP.setxattr,
  OP.removexattr,
  OP.create,
  OP.fallocate,
  OP.copyFileRange,
]);

/** A request of a kernel. */
interface Frame {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly opcode: number;
  readonly unique: bigint;
}

/** Applies the settings to requests and answers as they pass. */
export class FarRule {
  settings: FarRuleSettings = USUAL_RULE;
  /** Requests that open a file to be written only. */
  readonly #opening = new Set<bigint>();

  /** True where the kernel is to be told that nothing can be changed (EROFS). Notes what is opened. */
  refuses({ opcode, view, bytes, unique }: Frame): boolean {
    const isOpen = opcode === OP.open || opcode === OP.create;
    const flags =
      isOpen && bytes.byteLength >= IN_HEADER_BYTES + 4 ? view.getUint32(IN_HEADER_BYTES, true) : 0;
    const access = flags & O_ACCESS;
    if (this.settings.isReadOnly && (CHANGES.has(opcode) || access !== 0)) return true;
    if (this.settings.isAround && access === O_WRONLY) this.#opening.add(unique);
    return false;
  }

  /** An answer, before the kernel has it. */
  answered(opcode: number, unique: bigint, answer: Uint8Array): void {
    if (this.#opening.size === 0 || !this.#opening.delete(unique)) return;
    const at = OUT_HEADER_BYTES + (opcode === OP.create ? ENTRY_BYTES : 0) + 8;
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    if (view.getInt32(4, true) !== 0 || answer.byteLength < at + 4) return;
    view.setUint32(at, view.getUint32(at, true) | OPENED_DIRECT, true);
  }

  /** Whether a block that is read after so many in order is kept on the disk. */
  keeps(runBytes: number): boolean {
    const { cutoffBytes } = this.settings;
    return cutoffBytes === 0 || runBytes <= cutoffBytes;
  }
}
