import type { PassingFrame } from './far_cache.ts';
import { ENTRY_BYTES, IN_HEADER_BYTES, OP, OPENED_TELLS_AT_CLOSE, OUT_HEADER_BYTES } from './protocol.ts';

const OPEN_OUT_BYTES = 16;
const HANDLE_END = IN_HEADER_BYTES + 8;

/**
 * Which open files the other machine wants to hear of when a program closes them: those that are written and lie on a file
 * system that finds what is wrong only then, or that only then brings to its place what was written.
 */
export class FarCloses {
  readonly #handles = new Set<bigint>();

  /** The answer to that request passes: the flag in it is for this side, not for the kernel. */
  told(opcode: number, answer: DataView): void {
    if (opcode !== OP.open && opcode !== OP.create) return;
    const at = OUT_HEADER_BYTES + (opcode === OP.create ? ENTRY_BYTES : 0);
    if (answer.getInt32(4, true) !== 0 || answer.byteLength < at + OPEN_OUT_BYTES) return;
    const flags = answer.getUint32(at + 8, true);
    if ((flags & OPENED_TELLS_AT_CLOSE) === 0) return;
    answer.setUint32(at + 8, (flags & ~OPENED_TELLS_AT_CLOSE) >>> 0, true);
    this.#handles.add(answer.getBigUint64(at, true));
  }

  /** A request passes. True for a FLUSH that is to go on. */
  wants({ opcode, view, bytes }: PassingFrame): boolean {
    if (this.#handles.size === 0 || bytes.byteLength < HANDLE_END) return false;
    if (opcode !== OP.flush && opcode !== OP.release) return false;
    const handle = view.getBigUint64(IN_HEADER_BYTES, true);
    if (opcode === OP.flush) return this.#handles.has(handle);
    this.#handles.delete(handle);
    return false;
  }
}
