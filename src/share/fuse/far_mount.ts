import { fromUtf8 } from '../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Blocks } from '../../cache/store/store_types.ts';
import type { Stream } from '../../link/mux/mux.ts';
import type { MountHello, MountReady } from '../../wire/mount_messages.ts';
import type { Clock } from '../../world/clock.ts';
import type { KernelMount } from '../../world/mounts.ts';
import { isFarAttribute } from './attribute_names.ts';
import { FarCache, type FarCacheOptions, type PassingFrame } from './far_cache.ts';
import { FarCloses } from './far_closes.ts';
import { FarDirect } from './far_direct.ts';
import { FarKnown } from './far_known.ts';
import { FarLate } from './far_late.ts';
import { FarLocks } from './far_locks.ts';
import { FarMade } from './far_made.ts';
import { FarNotices } from './far_notices.ts';
import { FarPages } from './far_pages.ts';
import { FarRequests } from './far_requests.ts';
import { errorAnswer, FarWrites, writeHead } from './far_writes.ts';
import { Frame } from './frame.ts';
import { answerInit } from './init.ts';
import type { LinkedMount } from './linked_mount.ts';
import { inodeNotice, interruptFrame } from './notices.ts';
import { ERRNO, IN_HEADER_BYTES, INIT_OUT_BYTES, OP, OUT_HEADER_BYTES } from './protocol.ts';

/** Requests up to that size are copied, so that the memory which the kernel writes to is free at once. */
const COPIED_MAX_BYTES = 16 * 1024;
/** Writes up to that size are copied when they go ahead; larger ones stay where the kernel has put them until they are there. */
const AHEAD_COPIED_MAX_BYTES = 256 * 1024;
/** 7.38 (Linux 6.2) knows FUSE_EXPIRE_ONLY: before, a notice of a name would take away mounts and working folders below it. */
export const MINOR_EXPIRES = 38;
const BODY_AT = IN_HEADER_BYTES;
const ATTRIBUTE_AT = BODY_AT + 8;
const USUAL_CACHE = {
  keepsPages: false,
  memoryBytes: LIMITS.cacheMemoryUsualBytes.value,
  governor: null,
};
/** XATTR_NAME_MAX of Linux. */
const ATTRIBUTE_MAX_BYTES = 255;

/** Where requests go. */
export type FrameStream = Pick<Stream, 'send'>;

export interface FarMountOptions {
  readonly clock: Clock;
  /** Access lists name the same users on both sides. */
  readonly hasAcls: boolean;
  /** Where blocks of files are kept on this machine; owned. Null: nowhere. */
  readonly store?: Blocks | null;
  readonly cache?: FarCacheOptions;
  /** Nothing is written through it. */
  readonly readOnly?: boolean;
}

/**
 * A mount of this machine whose requests another one answers, over one stream after the other. While there is none, or
 * nothing gets through, requests wait for LIMITS.mountOutageMs, then they fail; the mount stays, and goes on with the next
 * stream.
 */
export class FarMount implements LinkedMount {
  readonly kernel: KernelMount;
  readonly cache: FarCache | null;
  readonly #options: FarMountOptions;
  readonly #requests: FarRequests;
  readonly #writes: FarWrites;
  /** Pieces of memory that are kept for writes which went ahead. */
  #heldSlots = 0;
  readonly #locks = new FarLocks();
  readonly #closes = new FarCloses();
  readonly #notices: FarNotices;
  readonly #known: FarKnown;
  readonly #made: FarMade;
  readonly #late: FarLate;
  readonly #direct = new FarDirect();
  /** Null where the cache notes what is listed. */
  readonly #pages: FarPages | null;
  #stream: FrameStream | null = null;
  #isStalled = false;
  /** Aborted when what it waits for is there again; null while requests get through. */
  #outage: AbortController | null = null;
  #isGivenUp = false;
  #hasBegun = false;
  #givesLeases = false;
  /** Of the protocol of this kernel, which says so first. */
  readonly #minor = Promise.withResolvers<number>();

  constructor(kernel: KernelMount, options: FarMountOptions) {
    this.kernel = kernel;
    this.#options = options;
    this.#requests = new FarRequests((unique, errno, opcode) =>
      this.#deliver(opcode, unique, errorAnswer(unique, errno)),
    );
    const ports = {
      clock: options.clock,
      send: (frame: Uint8Array, opcode: number, unique: bigint) => this.#sendOne(frame, opcode, unique),
      answer: (...parts: readonly Uint8Array[]) => kernel.answer(...parts),
      answerTold: (bytes: Uint8Array) => this.#notices.whenTold(() => kernel.answer(bytes)),
      leases: {
        tell: (frame: Uint8Array) => this.#stream !== null && this.#send(this.#stream, [frame]),
        forget: (node: bigint, done: () => void) => kernel.notify(inodeNotice(node), done),
        whenWritten: (node: bigint, call: () => void) => this.#writes.whenSettled(node, call),
        isLocked: (node: bigint) => this.#locks.isLocked(node),
      },
    };
    this.cache = options.store ? new FarCache(options.store, ports, options.cache ?? USUAL_CACHE) : null;
    this.#pages = this.cache === null ? this.#createPages() : null;
    this.#known = new FarKnown(kernel);
    this.#made = new FarMade(options.clock);
    this.#late = new FarLate(options.clock, (frames) => {
      if (this.#stream !== null) this.#send(this.#stream, frames);
    });
    this.#notices = new FarNotices(kernel, (node) => {
      this.#made.changed(node);
      this.cache?.changed(node);
    });
    this.#writes = new FarWrites((bytes) => kernel.answer(bytes));
    kernel.start((bytes, release) => this.#take(bytes, release));
    void kernel.ended.then(() => {
      this.#minor.resolve(0); // it has not said so
      this.#outage?.abort();
      return this.cache?.close();
    });
    this.#watch();
  }

  /** What the other side is told first: also whether this kernel can be told of changes. */
  async hello(): Promise<MountHello> {
    const minor = await this.#minor.promise;
    const hears = minor >= MINOR_EXPIRES;
    const leases = hears && this.cache !== null;
    return {
      owner: this.kernel.owner,
      begins: !this.#hasBegun,
      hears,
      folders: hears && !leases, // with leases what somebody else has made is there once it is closed, not a notice later
      ...(leases && { leases }),
    };
  }

  get ended(): Promise<unknown> {
    return this.kernel.ended;
  }

  /** Of the protocol of this kernel, once it has said so. */
  get minor(): Promise<number> {
    return this.#minor.promise;
  }

  get isReadOnly(): boolean {
    return this.#options.readOnly === true;
  }

  /** Requests that wait for an answer. */
  get waiting(): number {
    return this.#requests.size;
  }

  /** Sends requests over the stream and takes answers from it, until it ends: why it did, or null. */
  async run(stream: Stream, ready: MountReady): Promise<CausewayError | null> {
    this.begin(stream, ready);
    try {
      for (;;) {
        const message = await stream.receive();
        if (message === null) return null;
        try {
          this.answers(message.bytes);
        } finally {
          message.release();
        }
      }
    } catch (failure) {
      const error = asCausewayError(failure);
      stream.reset(error);
      return error;
    } finally {
      this.over();
    }
  }

  /** From now on requests go there, and {@link answers} comes with what is answered, until {@link over}. */
  begin(stream: FrameStream, { wallMs, tells = false, leases = false }: MountReady): void {
    this.#stream = stream;
    this.#hasBegun = true;
    this.#givesLeases = leases;
    this.#made.reset();
    this.#pages?.reset();
    this.#late.take(); // they are sent again below
    this.cache?.farClock(wallMs);
    this.#notices.begin(tells ? (frame) => this.#send(stream, [frame]) : null);
    for (const unique of this.#requests.takeAbandoned()) this.#send(stream, [interruptFrame(unique)]);
    // Copies: the kernel's memory is free again with the answer, the link may need its bytes a little longer.
    for (const bytes of this.#requests.takeUnsent()) this.#send(stream, [bytes.slice()]);
    this.#watch();
  }

  /** One or more whole answers, or notices; the memory is the caller's again when it returns. CW_WIRE_MALFORMED. */
  answers(bytes: Uint8Array): void {
    this.#takeAnswers(bytes);
  }

  over(): void {
    this.#stream = null;
    this.#pages?.reset();
    this.#requests.lost();
    this.#watch();
  }

  /** Whether the link has no carrier at the moment. */
  stalled(isStalled: boolean): void {
    this.#isStalled = isStalled;
    this.#watch();
  }

  async close(): Promise<void> {
    await this.#drain();
    await this.cache?.leave();
    this.#requests.failAll(ERRNO.ENOTCONN);
    await this.kernel.close();
    await this.cache?.close();
  }

  /** What went ahead comes to its end, where the other side is there to take it. */
  async #drain(): Promise<void> {
    if (this.#stream === null) return;
    const drained = new AbortController();
    const waited = this.#options.clock.sleep(LIMITS.mountEndMs.value, drained.signal);
    await Promise.race([this.#writes.drained(), waited]);
    drained.abort();
    await waited.catch(() => undefined); // cut short: all had come to its end
  }

  /** Programs wait for a while only. */
  #watch(): void {
    const isThrough = this.#stream !== null && !this.#isStalled;
    if (isThrough) {
      if (this.#outage !== null) this.cache?.leases.begin(this.#givesLeases);
      this.#outage?.abort();
      this.#outage = null;
      this.#isGivenUp = false;
      return;
    }
    if (this.#outage !== null) return;
    if (this.#hasBegun) this.#known.doubt(); // nobody tells of changes now
    this.#made.reset();
    this.cache?.leases.reset();
    const outage = new AbortController();
    this.#outage = outage;
    const waited = this.#options.clock.sleep(LIMITS.mountOutageMs.value, outage.signal);
    waited.then(
      () => {
        this.#isGivenUp = true;
        this.#requests.failAll(ERRNO.ENOTCONN);
      },
      () => undefined, // it is through again
    );
  }

  #take(bytes: Uint8Array, release: () => void): void {
    const isCopied = bytes.byteLength <= COPIED_MAX_BYTES;
    const memory = new KeptMemory(
      isCopied ? new Uint8Array(bytes) : bytes,
      isCopied ? () => undefined : release,
    );
    if (isCopied) release();
    let parts: Uint8Array[] = [];
    for (const frame of framesOf(memory.bytes, IN_HEADER_BYTES)) {
      if (this.cache?.refuses(frame) || this.#answersItself(frame) || this.cache?.takes(frame)) continue;
      if (this.#pages?.takes(frame)) continue;
      this.#direct.passing(frame);
      const isSent = this.#stream !== null;
      const ahead = isSent ? this.#ahead(frame, memory, isCopied) : null;
      this.#requests.add(frame.unique, frame.opcode, ahead?.bytes ?? (isCopied ? frame.bytes : null), isSent);
      const beside = this.cache?.passing(frame) ?? null;
      if (isSent && isCopied && FarLate.mayWait(frame) && parts.length === 0) this.#late.add(frame.bytes);
      else if (isSent) parts.push(frame.bytes);
      else this.#park(frame, isCopied);
      if (ahead !== null) this.#writes.goAhead(frame, ahead.release);
      if (beside === null) continue;
      this.#requests.add(beside.unique, OP.statx, beside.frame, isSent);
      if (isSent) parts.push(beside.frame);
    }
    const leave = () => memory.leave();
    if (parts.length > 0) parts = [...this.#late.take(), ...parts];
    if (parts.length > 0 && this.#stream !== null)
      this.#send(this.#stream, parts, isCopied ? undefined : leave);
    else leave();
    if (this.#isGivenUp) this.#requests.failAll(ERRNO.ENOTCONN);
  }

  /** Where a WRITE that goes ahead is kept, to be sent again after a cut; null where it waits for its answer. */
  #ahead(frame: PassingFrame, memory: KeptMemory, isCopied: boolean): AheadMemory | null {
    if (frame.opcode !== OP.write || this.#isStalled || !this.#direct.mayGoAhead(frame.unique)) return null;
    if (!this.#writes.mayGoAhead(frame)) return null;
    if (isCopied) return { bytes: frame.bytes, release: () => undefined };
    if (frame.bytes.byteLength <= AHEAD_COPIED_MAX_BYTES)
      return { bytes: frame.bytes.slice(), release: () => undefined };
    if (this.#heldSlots >= LIMITS.mountAheadSlotsMax.value) return null;
    this.#heldSlots += 1;
    memory.keep();
    const release = () => {
      this.#heldSlots -= 1;
      memory.leave();
    };
    return { bytes: frame.bytes, release };
  }

  /** One that comes later, and whose bytes nobody else has. */
  #sendOne(frame: Uint8Array, opcode: number, unique: bigint): void {
    const stream = this.#stream;
    this.#requests.add(unique, opcode, frame, stream !== null);
    if (stream !== null) this.#send(stream, [frame]);
    if (this.#isGivenUp) this.#requests.failAll(ERRNO.ENOTCONN);
  }

  /** There is no stream: what is not kept to be sent later fails. */
  #park(frame: PassingFrame, isCopied: boolean): void {
    if (!isCopied) this.#requests.failOne(frame.unique, ERRNO.EIO);
  }

  /** What the other side need not know. */
  #answersItself(frame: PassingFrame): boolean {
    const { opcode, view, bytes } = frame;
    if (opcode === OP.init) {
      this.#init(bytes);
      return true;
    }
    // `ls -l` asks for these, for each file
    if (opcode === OP.getxattr && !this.#isFarAttribute(bytes)) {
      this.#answer(frame.unique, ERRNO.EOPNOTSUPP);
      return true;
    }
    this.#locks.passing(frame);
    this.#known.passing(frame);
    const known = this.#made.passing(frame);
    if (known !== null) {
      this.kernel.answer(known);
      return true;
    }
    if (opcode === OP.interrupt && this.#stream === null && bytes.byteLength >= BODY_AT + 8)
      this.#requests.interrupt(view.getBigUint64(BODY_AT, true));
    const isWanted = this.#closes.wants(frame);
    const isFlushFar = opcode === OP.flush && (isWanted || this.#locks.isLocked(view.getBigUint64(16, true)));
    if (this.#writes.takes(frame, isFlushFar)) return true;
    // closing a file ends locks of the process, of which there are none here
    if (opcode !== OP.flush || isFlushFar) return opcode === OP.destroy;
    this.#answer(frame.unique, 0);
    return true;
  }

  /** Whether the other side would look for what GETXATTR names; what is no proper request is its matter. */
  #isFarAttribute(bytes: Uint8Array): boolean {
    const end = bytes.indexOf(0, ATTRIBUTE_AT);
    const isProper = end > ATTRIBUTE_AT && end - ATTRIBUTE_AT <= ATTRIBUTE_MAX_BYTES;
    const name = isProper ? fromUtf8(bytes.subarray(ATTRIBUTE_AT, end)) : null;
    return name === null || isFarAttribute(name, this.#options.hasAcls);
  }

  #init(bytes: Uint8Array): void {
    const memory = { bytes: Buffer.from(bytes), view: new DataView(bytes.slice().buffer), emptyNameAt: 0 };
    const frame = new Frame(memory);
    if (!frame.read(0, bytes.byteLength)) return;
    if (frame.holds(8)) this.#minor.resolve(memory.view.getUint32(frame.body + 4, true));
    const answer = new DataView(new ArrayBuffer(OUT_HEADER_BYTES + INIT_OUT_BYTES));
    const { hasAcls } = this.#options;
    const wantsDirect = this.cache === null; // which keeps what is read by itself, and pages with it
    const wishes = { wantsBacking: false, wantsDirect, hasAcls, hasLocks: true };
    const agreed = answerInit(memory.view, answer, frame, OUT_HEADER_BYTES, wishes);
    this.#direct.isOffered = typeof agreed !== 'number' && agreed.hasDirect;
    const error = typeof agreed === 'number' ? agreed : agreed.hasLongSetxattr ? 0 : -ERRNO.EPROTO;
    const sizeBytes = error === 0 ? answer.byteLength : OUT_HEADER_BYTES;
    const told = new DataView(answer.buffer, 0, sizeBytes);
    writeHead(told, error, memory.view.getBigUint64(8, true));
    this.kernel.answer(new Uint8Array(answer.buffer, 0, sizeBytes));
    if (error === 0) this.kernel.readAhead(LIMITS.mountReadAheadBytes.value);
  }

  #send(stream: FrameStream, parts: readonly Uint8Array[], release?: () => void): void {
    stream.send(parts, release).catch(() => undefined); // the stream is over: `run` learns of it, and why
  }

  #takeAnswers(bytes: Uint8Array): void {
    for (const { bytes: one, view, unique } of framesOf(bytes, OUT_HEADER_BYTES)) {
      if (unique === 0n) {
        if (this.#made.note(one, view)) continue;
        this.#pages?.changed();
        if (!this.cache?.told(one)) this.#notices.take(one, view);
        continue;
      }
      if (this.#pages?.answered(unique, one)) continue;
      const opcode = this.#requests.answered(unique);
      if (opcode !== null) {
        this.#known.told(opcode, one, view);
        this.#made.told(opcode, view);
        this.#closes.told(opcode, view);
      }
      if (opcode === OP.open || opcode === OP.opendir) {
        const answer = one.slice(); // what was told before it is known first
        this.#notices.whenTold(() => this.#deliver(opcode, unique, answer));
      } else if (opcode !== null) this.#deliver(opcode, unique, one);
    }
  }

  #deliver(opcode: number, unique: bigint, answer: Uint8Array): void {
    this.#direct.answered(unique, answer);
    const written = this.#direct.written(unique);
    if (written !== null) return this.#answerWithout(written, answer.slice());
    if (this.cache?.answered(opcode, unique, answer)) return;
    const locked = this.#locks.granted(unique, answer);
    if (locked !== null) return this.#locked(locked, answer.slice());
    if (!this.#writes.answered(unique, answer)) this.kernel.answer(answer);
    if (opcode === OP.readdirplus) this.#pages?.told(unique, answer);
  }

  #createPages(): FarPages {
    return new FarPages({
      clock: this.#options.clock,
      send: (frame) => {
        if (this.#stream !== null) this.#send(this.#stream, [frame]);
      },
      waits: ({ unique, opcode, bytes }) => this.#requests.add(unique, opcode, bytes, false),
      deliver: (unique, answer, hasWaited) => {
        if (hasWaited && this.#requests.answered(unique) === null) return false;
        this.#known.told(OP.readdirplus, answer, new DataView(answer.buffer));
        this.kernel.answer(answer);
        return true;
      },
    });
  }

  /** Whoever had the lock before may have changed the file: it is read anew by who has it now. */
  #locked(node: bigint, answer: Uint8Array): void {
    this.cache?.changed(node);
    this.#answerWithout(node, answer);
  }

  /** Answers once the kernel has no pages of a file. */
  #answerWithout(node: bigint, answer: Uint8Array): void {
    this.kernel.notify(inodeNotice(node), () => this.kernel.answer(answer));
  }

  #answer(unique: bigint, errno: number): void {
    this.kernel.answer(errorAnswer(unique, errno));
  }
}

interface AheadMemory {
  readonly bytes: Uint8Array;
  readonly release: () => void;
}

/** Memory in which requests lie, until nobody needs it any more. */
class KeptMemory {
  readonly bytes: Uint8Array;
  readonly #release: () => void;
  #users = 1;

  constructor(bytes: Uint8Array, release: () => void) {
    this.bytes = bytes;
    this.#release = release;
  }

  keep(): void {
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#release();
  }
}

/** Requests and answers begin with their length. Plain arrays, whose `slice` is a copy as that of a Buffer is not. CW_WIRE_MALFORMED. */
function* framesOf(bytes: Uint8Array, headBytes: number): Generator<PassingFrame> {
  const all = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; ) {
    const left = bytes.byteLength - at;
    const sizeBytes = left < headBytes ? 0 : all.getUint32(at, true);
    if (sizeBytes < headBytes || sizeBytes > left)
      throw new CausewayError('CW_WIRE_MALFORMED', `a frame of ${sizeBytes} bytes in a message of a mount`);
    yield {
      bytes: new Uint8Array(bytes.buffer, bytes.byteOffset + at, sizeBytes),
      view: new DataView(bytes.buffer, bytes.byteOffset + at, sizeBytes),
      opcode: all.getUint32(at + 4, true),
      unique: all.getBigUint64(at + 8, true),
    };
    at += sizeBytes;
  }
}
