import { LIMITS } from '../../base/limits.ts';
import type { KernelMount } from '../../world/mounts.ts';
import type { PassingFrame } from './far_cache.ts';
import { inodeNotice } from './notices.ts';
import { DIRENT_BYTES, ENTRY_BYTES, IN_HEADER_BYTES, OP, OUT_HEADER_BYTES, ROOT_ID } from './protocol.ts';

/** Requests whose answers begin with a `struct fuse_entry_out`. */
const TELLS_ENTRY: ReadonlySet<number> = new Set([
  OP.lookup,
  OP.create,
  OP.mkdir,
  OP.mknod,
  OP.symlink,
  OP.link,
]);
const FORGET_HEAD_BYTES = 8;
const FORGET_ONE_BYTES = 16;
/** So many are told at once, that others which are to be told do not wait for all. */
const AT_ONCE = 64;

/**
 * Files of another machine whose attributes the kernel has, so that it can be told to ask for them again when that machine
 * can tell it of no change any more.
 */
export class FarKnown {
  readonly #kernel: Pick<KernelMount, 'notify'>;
  readonly #ids = new Set<bigint>([BigInt(ROOT_ID)]);
  #left: bigint[] = [];
  #isTelling = false;

  constructor(kernel: Pick<KernelMount, 'notify'>) {
    this.#kernel = kernel;
  }

  get size(): number {
    return this.#ids.size;
  }

  /** Notes what an answer tells. */
  told(opcode: number, answer: Uint8Array, view: DataView): void {
    if (view.getInt32(4, true) !== 0) return;
    if (opcode === OP.readdirplus) this.#toldAll(answer, view);
    else if (TELLS_ENTRY.has(opcode) && answer.byteLength >= OUT_HEADER_BYTES + ENTRY_BYTES)
      this.#add(view.getBigUint64(OUT_HEADER_BYTES, true));
  }

  /** Notes a request: what the kernel forgets is known no more. */
  passing(frame: PassingFrame): void {
    for (const id of forgottenBy(frame)) this.#ids.delete(id);
  }

  /** The kernel asks for all of it again before it believes it. */
  doubt(): void {
    this.#left = [...this.#ids];
    if (!this.#isTelling) this.#tellNext();
  }

  #tellNext(): void {
    const next = this.#left.splice(-AT_ONCE);
    this.#isTelling = next.length > 0;
    for (const [index, id] of next.entries())
      this.#kernel.notify(inodeNotice(id, false), () => {
        if (index === next.length - 1) this.#tellNext();
      });
  }

  #toldAll(answer: Uint8Array, view: DataView): void {
    for (let at = OUT_HEADER_BYTES; at + ENTRY_BYTES + DIRENT_BYTES <= answer.byteLength; ) {
      this.#add(view.getBigUint64(at, true));
      const nameBytes = view.getUint32(at + ENTRY_BYTES + 16, true);
      at += (ENTRY_BYTES + DIRENT_BYTES + nameBytes + 7) & ~7;
    }
  }

  #add(id: bigint): void {
    if (id !== 0n && this.#ids.size < LIMITS.mountKnownMax.value) this.#ids.add(id);
  }
}

/** The nodes that a request of the kernel forgets. */
export function* forgottenBy({ opcode, view, bytes }: PassingFrame): Generator<bigint> {
  if (opcode === OP.forget) yield view.getBigUint64(16, true);
  if (opcode !== OP.batchForget) return;
  const start = IN_HEADER_BYTES + FORGET_HEAD_BYTES;
  for (let at = start; at + FORGET_ONE_BYTES <= bytes.byteLength; at += FORGET_ONE_BYTES)
    yield view.getBigUint64(at, true);
}
