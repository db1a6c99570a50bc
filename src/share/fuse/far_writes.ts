import { LIMITS } from '../../base/limits.ts';
import type { PassingFrame } from './far_cache.ts';
import { ERRNO, IN_HEADER_BYTES, OP, OUT_HEADER_BYTES } from './protocol.ts';

/*
 * `struct fuse_write_in`, and the handle with which FLUSH, FSYNC and RELEASE begin as well.
 */
const HANDLE_AT = IN_HEADER_BYTES;
const SIZE_AT = IN_HEADER_BYTES + 16;
const FLAGS_AT = IN_HEADER_BYTES + 32;
const WRITE_IN_BYTES = IN_HEADER_BYTES + 40;
const WRITE_OUT_BYTES = OUT_HEADER_BYTES + 8;
/** O_DSYNC, which O_SYNC contains, and both values of O_DIRECT: whoever says so wants to know that it is there. */
const O_WAITS = 0o10000 | 0o240000;

interface Ahead {
  readonly node: bigint;
  readonly handle: bigint;
  readonly sizeBytes: number;
  /** Lets go of the memory in which the request lies. */
  readonly release: () => void;
}

interface Asking {
  readonly node: bigint;
  readonly handle: bigint;
}

/**
 * Writes that the kernel takes for done while they are on their way, so that a program need not wait for the other machine
 * after each of them. As with NFS and sshfs, whoever wants to know asks by close(2) or fsync(2): both wait until the other
 * machine has all of them, and tell what went wrong, once to each handle that wrote. A write that comes first tells it, too.
 */
export class FarWrites {
  readonly #answer: (bytes: Uint8Array) => void;
  readonly #ahead = new Map<bigint, Ahead>();
  /** How many of them each node has. */
  readonly #pending = new Map<bigint, number>();
  readonly #writers = new Map<bigint, bigint>();
  readonly #failed = new Map<bigint, number>();
  /** FLUSHes that wait for the writes of a node. */
  readonly #flushes = new Map<bigint, { readonly unique: bigint; readonly handle: bigint }[]>();
  /** FLUSHes and FSYNCs that the other machine answers, behind the writes before them. */
  readonly #asking = new Map<bigint, Asking>();
  /** Calls that wait for the writes of a node. */
  readonly #after = new Map<bigint, (() => void)[]>();
  #bytes = 0;
  #drained: (() => void)[] = [];

  /** `answer` gets what the kernel is to be told. */
  constructor(answer: (bytes: Uint8Array) => void) {
    this.#answer = answer;
  }

  get pendingBytes(): number {
    return this.#bytes;
  }

  /** Whether that WRITE may be answered before it is there. */
  mayGoAhead({ bytes, view }: PassingFrame): boolean {
    if (bytes.byteLength < WRITE_IN_BYTES || (view.getUint32(FLAGS_AT, true) & O_WAITS) !== 0) return false;
    const isRoom = this.#bytes + bytes.byteLength <= LIMITS.mountAheadMaxBytes.value;
    return isRoom && this.#ahead.size < LIMITS.mountAheadWritesMax.value;
  }

  /** Answers it; the caller sends it. `release` is called when the other machine has answered, or it failed. */
  goAhead({ bytes, view, unique }: PassingFrame, release: () => void): void {
    const node = view.getBigUint64(16, true);
    const handle = view.getBigUint64(HANDLE_AT, true);
    this.#ahead.set(unique, { node, handle, sizeBytes: bytes.byteLength, release });
    this.#pending.set(node, (this.#pending.get(node) ?? 0) + 1);
    this.#writers.set(handle, node);
    this.#bytes += bytes.byteLength;
    const answer = new DataView(new ArrayBuffer(WRITE_OUT_BYTES));
    writeHead(answer, 0, unique);
    answer.setUint32(OUT_HEADER_BYTES, view.getUint32(SIZE_AT, true), true);
    this.#answer(new Uint8Array(answer.buffer));
  }

  /** True where a request of the kernel is answered here, now or later, since it is about writes that went ahead. */
  takes(request: PassingFrame, isFlushFar: boolean): boolean {
    const { opcode, view, bytes, unique } = request;
    if (this.#writers.size === 0 || bytes.byteLength < HANDLE_AT + 8) return false;
    const node = view.getBigUint64(16, true);
    const handle = view.getBigUint64(HANDLE_AT, true);
    if (opcode === OP.release) this.#released(handle);
    else if (opcode === OP.write) return this.#tells(unique, handle);
    else if (opcode === OP.fsync || (opcode === OP.flush && isFlushFar))
      this.#asking.set(unique, { node, handle });
    else if (opcode === OP.flush) return this.#flush(unique, node, handle);
    return false;
  }

  /** True where the kernel has its answer already, or gets another one. */
  answered(unique: bigint, answer: Uint8Array): boolean {
    const error = -new DataView(answer.buffer, answer.byteOffset).getInt32(4, true);
    const asking = this.#asking.get(unique);
    if (asking !== undefined) {
      this.#asking.delete(unique);
      const failure = this.#failureOf(asking.node, asking.handle);
      if (failure === 0 || error !== 0) return false;
      this.#answer(errorAnswer(unique, failure));
      return true;
    }
    const ahead = this.#ahead.get(unique);
    if (ahead === undefined) return false;
    this.#ahead.delete(unique);
    const isWhole =
      error === 0 && answer.byteLength >= WRITE_OUT_BYTES && writtenBytes(answer) === payloadBytes(ahead);
    this.#ended(ahead, isWhole ? 0 : error || whyNotAll(answer) || ERRNO.EIO);
    return true;
  }

  /** Calls once nothing of that node is on its way. */
  whenSettled(node: bigint, call: () => void): void {
    if (!this.#pending.has(node)) call();
    else this.#after.set(node, [...(this.#after.get(node) ?? []), call]);
  }

  /** Resolves when nothing is on its way. */
  drained(): Promise<void> {
    if (this.#ahead.size === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#drained.push(resolve));
  }

  #ended(ahead: Ahead, failure: number): void {
    const { node, handle, sizeBytes, release } = ahead;
    this.#bytes -= sizeBytes;
    if (failure !== 0 && this.#writers.has(handle)) this.#failed.set(handle, failure);
    const left = (this.#pending.get(node) ?? 1) - 1;
    if (left > 0) this.#pending.set(node, left);
    else this.#settled(node);
    release();
    if (this.#ahead.size === 0) for (const resolve of this.#drained.splice(0)) resolve();
  }

  #settled(node: bigint): void {
    this.#pending.delete(node);
    const after = this.#after.get(node) ?? [];
    this.#after.delete(node);
    const flushes = this.#flushes.get(node) ?? [];
    this.#flushes.delete(node);
    for (const { unique, handle } of flushes)
      this.#answer(errorAnswer(unique, this.#failureOf(node, handle)));
    for (const call of after) call();
  }

  #flush(unique: bigint, node: bigint, handle: bigint): boolean {
    if (!this.#pending.has(node)) {
      const failure = this.#failureOf(node, handle);
      if (failure !== 0) this.#answer(errorAnswer(unique, failure));
      return failure !== 0;
    }
    this.#flushes.set(node, [...(this.#flushes.get(node) ?? []), { unique, handle }]);
    return true;
  }

  #tells(unique: bigint, handle: bigint): boolean {
    const failure = this.#failed.get(handle);
    if (failure === undefined) return false;
    this.#failed.delete(handle);
    this.#answer(errorAnswer(unique, failure));
    return true;
  }

  /** Of the handle itself; of one that has not written, that of any other one of the file. */
  #failureOf(node: bigint, handle: bigint): number {
    const own = this.#failed.get(handle) ?? 0;
    this.#failed.delete(handle);
    if (own !== 0 || this.#failed.size === 0 || this.#writers.has(handle)) return own;
    for (const [other, failure] of this.#failed) if (this.#writers.get(other) === node) return failure;
    return 0;
  }

  #released(handle: bigint): void {
    this.#writers.delete(handle);
    this.#failed.delete(handle);
  }
}

const payloadBytes = ({ sizeBytes }: Ahead) => sizeBytes - WRITE_IN_BYTES;

function writtenBytes(answer: Uint8Array): number {
  return new DataView(answer.buffer, answer.byteOffset).getUint32(OUT_HEADER_BYTES, true);
}

/** The error that ended a write of which a part was taken; 0 where the other side does not say. */
function whyNotAll(answer: Uint8Array): number {
  if (answer.byteLength < WRITE_OUT_BYTES) return 0;
  return new DataView(answer.buffer, answer.byteOffset).getUint32(OUT_HEADER_BYTES + 4, true);
}

/** An answer without a body. */
export function errorAnswer(unique: bigint, errno: number): Uint8Array {
  const answer = new DataView(new ArrayBuffer(OUT_HEADER_BYTES));
  writeHead(answer, -errno, unique);
  return new Uint8Array(answer.buffer);
}

/** Of an answer that is as long as its memory. */
export function writeHead(answer: DataView, error: number, unique: bigint): void {
  answer.setUint32(0, answer.byteLength, true);
  answer.setInt32(4, error, true);
  answer.setBigUint64(8, unique, true);
}
