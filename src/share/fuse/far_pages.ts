import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { PassingFrame } from './far_cache.ts';
import { writeHead } from './far_writes.ts';
import { DIRENT_BYTES, ENTRY_BYTES, IN_HEADER_BYTES, OP, OUT_HEADER_BYTES } from './protocol.ts';

/* `struct fuse_read_in`. */
const HANDLE_AT = IN_HEADER_BYTES;
const OFFSET_AT = IN_HEADER_BYTES + 8;
const SIZE_AT = IN_HEADER_BYTES + 16;
const READ_IN_BYTES = IN_HEADER_BYTES + 40;
/** In a `struct fuse_direntplus`. */
const NEXT_AT = ENTRY_BYTES + 8;
const NAME_BYTES_AT = ENTRY_BYTES + 16;
const FORGET_HEAD_BYTES = 8;
const FORGET_ONE_BYTES = 16;
/** Requests of this side have numbers that no kernel comes to. */
const FIRST_UNIQUE = 2n ** 62n;

/** What changes nothing that a page tells. */
const HARMLESS: ReadonlySet<number> = new Set([
  OP.lookup,
  OP.forget,
  OP.batchForget,
  OP.getattr,
  OP.statx,
  OP.statfs,
  OP.access,
  OP.readlink,
  OP.getxattr,
  OP.listxattr,
  OP.open,
  OP.read,
  OP.flush,
  OP.release,
  OP.opendir,
  OP.readdir,
  OP.readdirplus,
  OP.releasedir,
  OP.interrupt,
]);

/** A page of a folder that was asked for before the kernel did. */
interface Page {
  readonly unique: bigint;
  readonly offset: bigint;
  readonly sizeBytes: number;
  readonly untilMs: number;
  /** Null: it has not come. */
  answer: Uint8Array | null;
  /** The kernel's own request for it, which waits for that. */
  waiting: PassingFrame | null;
}

export interface PagePorts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Sends a request, where that is possible now. */
  readonly send: (frame: Uint8Array) => void;
  /** That request of the kernel gets its answer later. */
  readonly waits: (frame: PassingFrame) => void;
  /** A page for a request of the kernel, which may have waited; false where nobody waits for it any more. */
  readonly deliver: (unique: bigint, answer: Uint8Array, hasWaited: boolean) => boolean;
}

/**
 * The next page of each folder that a program lists with attributes, asked for while it is busy with the one before: from
 * the second page on, since a kernel asks for the first one with attributes whatever the program wants. A page is given to the kernel
 * within LIMITS.mountPageMs, unless anything was changed meanwhile here or, as far as this side was told, there. One that nobody asks
 * for is taken back: the other machine is told to forget what it told.
 */
export class FarPages {
  readonly #ports: PagePorts;
  /** By the handle of the folder; at most LIMITS.mountPagesMax. */
  readonly #pages = new Map<bigint, Page>();
  /** READDIRPLUS of the kernel that the other machine answers. */
  readonly #passed = new Map<bigint, PassingFrame>();
  /** Requests whose answers are taken back when they come. */
  readonly #dropped = new Set<bigint>();
  #next = FIRST_UNIQUE;

  constructor(ports: PagePorts) {
    this.#ports = ports;
  }

  /** Notes a request of the kernel: true where it is answered here, now or later. */
  takes(frame: PassingFrame): boolean {
    const { opcode, view, bytes } = frame;
    if (!HARMLESS.has(opcode)) this.changed();
    if (bytes.byteLength < HANDLE_AT + 8) return false;
    if (opcode === OP.releasedir || opcode === OP.readdir) this.#drop(view.getBigUint64(HANDLE_AT, true));
    if (opcode !== OP.readdirplus || bytes.byteLength < READ_IN_BYTES) return false;
    if (view.getBigUint64(OFFSET_AT, true) === 0n) return false;
    const copy = bytes.slice();
    const kept = { ...frame, bytes: copy, view: new DataView(copy.buffer) };
    if (this.#takesPage(kept)) return true;
    this.#passed.set(frame.unique, kept);
    return false;
  }

  /** Notes the answer of the other machine to a READDIRPLUS of the kernel, which has got it. */
  told(unique: bigint, answer: Uint8Array): void {
    const passed = this.#passed.get(unique);
    this.#passed.delete(unique);
    if (passed !== undefined) this.#askBehind(passed, answer);
  }

  #askBehind({ bytes, view }: PassingFrame, answer: Uint8Array): void {
    const next = nextOffset(answer);
    if (next === null || this.#pages.size >= LIMITS.mountPagesMax.value) return;
    const handle = view.getBigUint64(HANDLE_AT, true);
    this.#drop(handle);
    const unique = this.#next;
    this.#next += 2n;
    const asking = bytes.slice();
    const asked = new DataView(asking.buffer);
    asked.setBigUint64(8, unique, true);
    asked.setBigUint64(OFFSET_AT, next, true);
    this.#pages.set(handle, {
      unique,
      offset: next,
      sizeBytes: view.getUint32(SIZE_AT, true),
      untilMs: this.#ports.clock.monotonicMs() + LIMITS.mountPageMs.value,
      answer: null,
      waiting: null,
    });
    this.#ports.send(asking);
  }

  /** True where that is the answer to a request of this side; its memory is the caller's. */
  answered(unique: bigint, answer: Uint8Array): boolean {
    if (unique < FIRST_UNIQUE) return false;
    if (this.#dropped.delete(unique)) {
      this.#takeBack(answer);
      return true;
    }
    for (const [handle, page] of this.#pages) {
      if (page.unique !== unique) continue;
      if (page.waiting !== null) this.#give(handle, answer.slice(), page.waiting, true);
      else page.answer = answer.slice();
      return true;
    }
    return false;
  }

  /** Something was changed, here or there. */
  changed(): void {
    for (const handle of [...this.#pages.keys()]) this.#drop(handle);
  }

  /** What was asked for will not come. */
  reset(): void {
    this.#pages.clear();
    this.#passed.clear();
    this.#dropped.clear();
  }

  #takesPage(frame: PassingFrame): boolean {
    const { view } = frame;
    const handle = view.getBigUint64(HANDLE_AT, true);
    const page = this.#pages.get(handle);
    if (page === undefined || page.waiting !== null) return false;
    const isThat =
      page.offset === view.getBigUint64(OFFSET_AT, true) && page.sizeBytes === view.getUint32(SIZE_AT, true);
    if (!isThat || this.#ports.clock.monotonicMs() > page.untilMs) {
      this.#drop(handle);
      return false;
    }
    if (page.answer !== null) this.#give(handle, page.answer, frame, false);
    else {
      page.waiting = frame;
      this.#ports.waits(frame);
    }
    return true;
  }

  #give(handle: bigint, answer: Uint8Array, frame: PassingFrame, hasWaited: boolean): void {
    this.#pages.delete(handle);
    writeUnique(answer, frame.unique);
    if (this.#ports.deliver(frame.unique, answer, hasWaited)) this.#askBehind(frame, answer);
    else this.#takeBack(answer);
  }

  #drop(handle: bigint): void {
    const page = this.#pages.get(handle);
    if (page === undefined || page.waiting !== null) return; // the kernel has asked for it itself
    this.#pages.delete(handle);
    if (page.answer === null) this.#dropped.add(page.unique);
    else this.#takeBack(page.answer);
  }

  /** What the other machine told counts as known, until it is forgotten. */
  #takeBack(answer: Uint8Array): void {
    const nodes = [...nodesOf(answer)];
    if (nodes.length === 0) return;
    const sizeBytes = IN_HEADER_BYTES + FORGET_HEAD_BYTES + nodes.length * FORGET_ONE_BYTES;
    const frame = new DataView(new ArrayBuffer(sizeBytes));
    frame.setUint32(0, sizeBytes, true);
    frame.setUint32(4, OP.batchForget, true);
    frame.setUint32(IN_HEADER_BYTES, nodes.length, true);
    for (const [index, node] of nodes.entries()) {
      const at = IN_HEADER_BYTES + FORGET_HEAD_BYTES + index * FORGET_ONE_BYTES;
      frame.setBigUint64(at, node, true);
      frame.setBigUint64(at + 8, 1n, true);
    }
    this.#ports.send(new Uint8Array(frame.buffer));
  }
}

function writeUnique(answer: Uint8Array, unique: bigint): void {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  writeHead(view, view.getInt32(4, true), unique);
}

/** Where each entry of a page begins. */
function* entriesOf(answer: Uint8Array): Generator<{ readonly at: number; readonly view: DataView }> {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  if (view.getInt32(4, true) !== 0) return;
  for (let at = OUT_HEADER_BYTES; at + ENTRY_BYTES + DIRENT_BYTES <= answer.byteLength; ) {
    yield { at, view };
    at += (ENTRY_BYTES + DIRENT_BYTES + view.getUint32(at + NAME_BYTES_AT, true) + 7) & ~7;
  }
}

/** Where the page behind that one begins; null where it is the end, or an error. */
function nextOffset(answer: Uint8Array): bigint | null {
  let next: bigint | null = null;
  for (const { at, view } of entriesOf(answer)) next = view.getBigUint64(at + NEXT_AT, true);
  return next;
}

/** Those that are no folder itself, nor the one above: they have no number there. */
function* nodesOf(answer: Uint8Array): Generator<bigint> {
  for (const { at, view } of entriesOf(answer)) {
    const node = view.getBigUint64(at, true);
    if (node !== 0n) yield node;
  }
}
