import type { PassingFrame } from './far_cache.ts';
import { IN_HEADER_BYTES, OP } from './protocol.ts';

/* `struct fuse_lk_in`. */
const LOCK_TYPE_AT = IN_HEADER_BYTES + 32;
const LOCK_IN_BYTES = IN_HEADER_BYTES + 48;
const UNLOCK = 2;

/** Locks that programs of this machine ask for on files of another one. */
export class FarLocks {
  /** Files on which locks were asked for, by the id of the node: only their closing is told. */
  readonly #locked = new Set<bigint>();
  /** Requests for locks that have no answer yet, and their files. */
  readonly #asking = new Map<bigint, bigint>();

  /** Notes a request of the kernel. */
  passing({ opcode, view, bytes, unique }: PassingFrame): void {
    const node = view.getBigUint64(16, true);
    if (opcode === OP.forget) this.#locked.delete(node);
    if (opcode !== OP.setlk && opcode !== OP.setlkw) return;
    if (bytes.byteLength < LOCK_IN_BYTES || view.getUint32(LOCK_TYPE_AT, true) === UNLOCK) return;
    this.#locked.add(node);
    this.#asking.set(unique, node);
  }

  /** Whether closing it may end a lock. */
  isLocked(node: bigint): boolean {
    return this.#locked.has(node);
  }

  /** The file on which a lock was got by that answer; null where it is another answer, or a refusal. */
  granted(unique: bigint, answer: Uint8Array): bigint | null {
    const node = this.#asking.get(unique);
    if (node === undefined) return null;
    this.#asking.delete(unique);
    return new DataView(answer.buffer, answer.byteOffset).getInt32(4, true) === 0 ? node : null;
  }
}
