import { ERRNO, OP } from './protocol.ts';

/** What may be asked a second time, where it is not known whether it was served: it comes to the same. */
const REPEATABLE: ReadonlySet<number> = new Set([
  OP.lookup,
  OP.getattr,
  OP.setattr,
  OP.readlink,
  OP.statfs,
  OP.open,
  OP.opendir,
  OP.read,
  OP.write,
  // a handle that is closed is no other one later
  OP.release,
  OP.flush,
  OP.fsync,
  OP.fsyncdir,
  OP.readdir,
  OP.readdirplus,
  OP.getxattr,
  OP.listxattr,
  OP.access,
  OP.lseek,
  OP.getlk,
  // an owner is never in its own way: it gets again what it has
  OP.setlk,
  OP.setlkw,
  OP.statx,
]);

/** What gets no answer. */
const SILENT: ReadonlySet<number> = new Set([OP.forget, OP.batchForget, OP.interrupt]);

interface Asked {
  readonly opcode: number;
  /** The request, where it can be sent again. */
  readonly bytes: Uint8Array | null;
  isSent: boolean;
}

/** The requests of one kernel that have no answer yet, in its order. */
export class FarRequests {
  readonly #asked = new Map<bigint, Asked>();
  /** Waits for locks that the other side may still have, and nobody here. */
  #abandoned: bigint[] = [];
  readonly #fail: (unique: bigint, errno: number, opcode: number) => void;

  /** `fail` answers a request with an error. */
  constructor(fail: (unique: bigint, errno: number, opcode: number) => void) {
    this.#fail = fail;
  }

  get size(): number {
    return this.#asked.size;
  }

  /** `bytes` is a copy, or null where that would be too much. */
  add(unique: bigint, opcode: number, bytes: Uint8Array | null, isSent: boolean): void {
    if (SILENT.has(opcode)) return;
    const kept = bytes !== null && (!isSent || REPEATABLE.has(opcode)) ? bytes : null;
    this.#asked.set(unique, { opcode, bytes: kept, isSent });
  }

  /** What was asked; null where nobody waits for that answer. */
  answered(unique: bigint): number | null {
    const asked = this.#asked.get(unique);
    this.#asked.delete(unique);
    return asked?.opcode ?? null;
  }

  /** Nobody knows what became of what was sent: what cannot be asked again fails. */
  lost(): void {
    for (const [unique, { opcode, bytes, isSent }] of this.#asked)
      if (isSent && (bytes === null || !REPEATABLE.has(opcode))) this.failOne(unique, ERRNO.EIO);
  }

  /** All of them fail. */
  failAll(errno: number): void {
    for (const unique of [...this.#asked.keys()]) this.failOne(unique, errno);
  }

  failOne(unique: bigint, errno: number): void {
    const asked = this.#asked.get(unique);
    if (asked?.opcode === OP.setlkw && asked.isSent) this.#abandoned.push(unique);
    const opcode = this.answered(unique);
    if (opcode !== null) this.#fail(unique, errno, opcode);
  }

  /** A program does not wait for a lock any more, and the other side cannot be told now. */
  interrupt(unique: bigint): void {
    if (this.#asked.get(unique)?.opcode === OP.setlkw) this.failOne(unique, ERRNO.EINTR);
  }

  /** Waits for locks that the other side is to end. */
  takeAbandoned(): bigint[] {
    const taken = this.#abandoned;
    this.#abandoned = [];
    return taken;
  }

  /** What is to be sent, again or for the first time; it counts as sent. */
  takeUnsent(): Uint8Array[] {
    const unsent: Uint8Array[] = [];
    for (const asked of this.#asked.values()) {
      if (asked.bytes === null) continue;
      asked.isSent = true;
      unsent.push(asked.bytes);
    }
    return unsent;
  }
}
