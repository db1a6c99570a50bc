import { LIMITS } from '../../base/limits.ts';
import { LEASE, type LeaseGiven } from '../../cache/lease/lease_kinds.ts';
import type { LeaseSeat, LeaseTold } from '../../world/mounts.ts';
import { idAt } from './frame.ts';
import { WRITE_EPOCH_AT } from './lease_frames.ts';
import { LeaseWords } from './lease_words.ts';
import type { FuseNode } from './nodes.ts';
import { ENTRY_BYTES, ERRNO, IN_HEADER_BYTES, O_ACCESS, OP } from './protocol.ts';
import type { FuseState } from './state.ts';

const O_TRUNC = 0o1000;
const WRITE_IN_BYTES = 40;
/** A request that is served later has room for so much. */
const PLACE_BYTES = LIMITS.mountWriteMaxBytes.value + 4_096;
/** Where requests that change bytes of an open file name its handle. */
const HANDLE_AT: ReadonlyMap<number, number> = new Map([
  [OP.write, 0],
  [OP.fallocate, 0],
  [OP.copyFileRange, 24],
]);

/** How a thread that serves a mount speaks of leases. */
export interface LeasePorts {
  readonly seat: LeaseSeat;
  readonly tell: (told: LeaseTold) => void;
  readonly wallMs: () => number;
}

/** What a request is about to do, in the way of which leases may be. */
interface Doing {
  /** Slots of files that are counted as written to while it is done; with an open, until it is closed. */
  readonly slots: readonly number[];
  readonly isOpen: boolean;
}

interface Waiting {
  readonly frame: Buffer;
  readonly doing: Doing;
}

interface Asked {
  readonly node: FuseNode;
  readonly file: string;
  readonly uniqueLow: number;
  readonly uniqueHigh: number;
}

/**
 * The leases of one mount, and its requests that others have leases in the way of. A request that opens a file for writing,
 * or changes a name or attributes, waits until nobody else has a lease; all others go on meanwhile.
 */
export class ServerLeases {
  readonly #state: FuseState;
  readonly #ports: LeasePorts;
  readonly #words: LeaseWords;
  readonly #held = new Map<number, { readonly file: string; readonly epoch: number; kinds: number }>();
  readonly #nodes = new Map<string, number>();
  readonly #asked = new Map<number, Asked>();
  readonly #waiting = new Map<number, Waiting>();
  /** Handles that are open for writing. */
  readonly #writes = new Map<number, number>();
  /** Of these, the ones whose lease was taken away: it is too late for what comes by them. */
  readonly #fenced = new Set<number>();
  readonly #writers = new Map<number, number>();
  /** Slots to be counted less once no question is on its way, which said how many there are. */
  #less: number[] = [];
  #waitingBytes = 0;
  /** Of the request that is served: there is too much that waits. */
  #refusal = 0;
  #last = 0;
  #doing: Doing | null = null;

  constructor(state: FuseState, ports: LeasePorts) {
    this.#state = state;
    this.#ports = ports;
    this.#words = new LeaseWords(ports.seat.words);
  }

  /** Before a request: true where it waits for others, and is served later. */
  holdsBack(): boolean {
    const { frame, options } = this.#state;
    this.#doing = null;
    this.#refusal = 0;
    if (options.readOnly && frame.opcode !== OP.open) return false;
    if (frame.opcode === OP.write) return this.#mayBeFenced();
    if (frame.opcode === OP.open) return this.#opens();
    const files = this.#touched(frame.opcode);
    return files !== undefined && this.#changes(files, false);
  }

  /** The error with which a request is refused; 0 where it is not. */
  refuses(): number {
    if (this.#refusal < 0) return this.#refusal;
    const { frame, view, node } = this.#state;
    const { opcode, body } = frame;
    const handleAt = HANDLE_AT.get(opcode);
    if (handleAt === undefined || !frame.holds(handleAt + 8)) return 0;
    if (this.#fenced.size > 0 && this.#fenced.has(idAt(view, body + handleAt))) return -ERRNO.ESTALE;
    if (opcode !== OP.write || node === undefined || node.fencedEpoch === 0) return 0;
    const epoch = this.#epochOfWrite();
    return epoch !== 0 && epoch <= node.fencedEpoch ? -ERRNO.ESTALE : 0;
  }

  /** After it, with its result. */
  served(opcode: number, result: number): void {
    const { view, out } = this.#state;
    const doing = this.#doing;
    this.#doing = null;
    if (doing !== null) {
      const [slot] = doing.slots;
      if (doing.isOpen && result >= 0 && slot !== undefined) this.#writes.set(idAt(view, out), slot);
      else this.#end(doing);
    } else if (opcode === OP.create && result >= 0) this.#created(idAt(view, out + ENTRY_BYTES));
  }

  /** A handle is closed. */
  released(handle: number): void {
    const slot = this.#writes.get(handle);
    if (slot === undefined) return;
    this.#writes.delete(handle);
    this.#fenced.delete(handle);
    this.#count(slot, -1);
  }

  /** The request that has waited; null where there is none. It is served next, and then {@link settled}. */
  takeWaiting(claim: number): Buffer | null {
    const waiting = this.#waiting.get(claim);
    this.#waiting.delete(claim);
    if (waiting === undefined) return null;
    this.#waitingBytes -= waiting.frame.byteLength;
    this.#refusal = 0;
    this.#doing = waiting.doing;
    return waiting.frame;
  }

  settled(claim: number): void {
    this.#ports.tell({ kind: 'settled', claim });
  }

  /** Asks for a lease on the node that was looked at last; false where it is refused at once. */
  asks(node: FuseNode, wished: number): boolean {
    const { frame, statx, watching, options } = this.#state;
    const { seat, tell, wallMs } = this.#ports;
    const isHeard = watching?.hearsAttrs(node, statx.linkCount) === true;
    if (!seat.gives || !isHeard || node.isFolder || this.#asked.size >= LIMITS.leaseWaitingMax.value)
      return false;
    // a further change at this moment might not show in its times
    const isSettled = wallMs() - statx.changedMs > LIMITS.cacheSettledMs.value;
    let kinds = isSettled ? wished & LEASE.all : wished & LEASE.write;
    if (options.recorder !== null) kinds &= ~LEASE.handle; // each open is recorded
    if (kinds === LEASE.none) return false;
    this.#last += 1;
    const question = this.#last;
    const file = this.#fileOf(node);
    this.#asked.set(question, { node, file, uniqueLow: frame.uniqueLow, uniqueHigh: frame.uniqueHigh });
    const ownWriters = this.#writers.get(LeaseWords.slotOf(file)) ?? 0;
    tell({ kind: 'ask', question, file, kinds, ownWriters });
    return true;
  }

  /** Whose question it was. */
  given(question: number, { kinds, epoch }: LeaseGiven): Asked | null {
    const asked = this.#asked.get(question) ?? null;
    this.#asked.delete(question);
    if (this.#asked.size === 0) for (const slot of this.#less.splice(0)) this.#count(slot, -1);
    if (asked === null || kinds === LEASE.none) return asked;
    const { node, file } = asked;
    this.#held.set(node.id, { file, epoch, kinds });
    this.#nodes.set(file, node.id);
    return asked;
  }

  /** The mount keeps no more than those kinds of a lease. */
  keeps(nodeId: number, epoch: number, kinds: number): void {
    const held = this.#held.get(nodeId);
    if (held === undefined || held.epoch !== epoch) return;
    held.kinds &= kinds;
    if (kinds === LEASE.none) this.#drop(nodeId, held.file);
    this.#ports.tell({ kind: 'kept', file: held.file, epoch, kinds });
  }

  /** The mount has none any more. */
  forgotten(): void {
    this.#held.clear();
    this.#nodes.clear();
    this.#ports.tell({ kind: 'forgotten' });
  }

  /** The mount is being told that a node is another one now. */
  outdated(nodeId: number): void {
    const held = this.#held.get(nodeId);
    if (held !== undefined) this.#ports.tell({ kind: 'changed', file: held.file });
  }

  /** The node of a lease that is to be let go of; null where the mount has it no more. */
  nodeOf(file: string, epoch: number): number | null {
    const nodeId = this.#nodes.get(file);
    if (nodeId === undefined || this.#held.get(nodeId)?.epoch !== epoch) return null;
    return nodeId;
  }

  fenced(file: string, epoch: number): void {
    const nodeId = this.#nodes.get(file);
    if (nodeId === undefined) return;
    const node = this.#state.nodes.get(nodeId);
    if (node !== undefined) node.fencedEpoch = Math.max(node.fencedEpoch, epoch);
    const held = this.#held.get(nodeId);
    if (held?.epoch !== epoch) return;
    this.#drop(nodeId, file);
    if ((held.kinds & LEASE.write) === 0) return;
    for (const handle of this.#writes.keys())
      if (this.#state.files.get(handle)?.node.id === nodeId) this.#fenced.add(handle);
  }

  /** What it has counted counts no more. */
  close(): void {
    for (const [slot, count] of this.#writers)
      for (let left = count; left > 0; left -= 1) this.#words.addWriter(slot, -1);
    this.#writers.clear();
  }

  /**
   * A lease whose files fall into the slot of this one was taken away: where this thread has not heard which, the write waits
   * until it has, in its turn. Whoever took it away may have written since.
   */
  #mayBeFenced(): boolean {
    const { node } = this.#state;
    const epoch = this.#epochOfWrite();
    if (epoch === 0 || node === undefined || epoch <= node.fencedEpoch) return false;
    if (epoch > this.#words.fenced(LeaseWords.slotOf(this.#fileOf(node)))) return false;
    return this.#waits({ slots: [], isOpen: false }, [], false);
  }

  #epochOfWrite(): number {
    const { frame, view } = this.#state;
    return frame.holds(WRITE_IN_BYTES) ? view.getUint32(frame.body + WRITE_EPOCH_AT, true) : 0;
  }

  #opens(): boolean {
    const { frame, view, node, options } = this.#state;
    if (node === undefined || node.isFolder || !frame.holds(8)) return false;
    const flags = view.getUint32(frame.body, true);
    const isWrite = (flags & (O_ACCESS | O_TRUNC)) !== 0;
    if (isWrite) return !options.readOnly && this.#changes([this.#fileOf(node)], true);
    if (this.#words.total === 0) return false;
    const file = this.#fileOf(node);
    if (this.#words.writeLeases(LeaseWords.slotOf(file)) === 0) return false;
    return this.#waits({ slots: [], isOpen: false }, [file], false);
  }

  /** Counts as one who writes these files, and waits where others have leases; null: all files. */
  #changes(files: readonly string[] | null, isOpen: boolean): boolean {
    const doing = { slots: (files ?? []).map((file) => LeaseWords.slotOf(file)), isOpen };
    for (const slot of doing.slots) this.#count(slot, 1);
    const isFree = files === null || doing.slots.every((slot) => this.#words.leases(slot) === 0);
    if (isFree && (files !== null || this.#words.total === 0)) {
      this.#doing = doing;
      return false;
    }
    return this.#waits(doing, files, true);
  }

  #waits(doing: Doing, files: readonly string[] | null, isWrite: boolean): boolean {
    const { frame, posix } = this.#state;
    const start = frame.body - IN_HEADER_BYTES;
    const isTooMuch =
      this.#waiting.size >= LIMITS.leaseWaitingMax.value ||
      this.#waitingBytes + frame.end - start > LIMITS.leaseWaitingMaxBytes.value;
    if (isTooMuch || frame.end - start > PLACE_BYTES) {
      this.#end(doing);
      this.#refusal = isTooMuch ? -ERRNO.EAGAIN : -ERRNO.EINVAL;
      return false;
    }
    const bytes = Buffer.from(posix.memory.bytes.subarray(start, frame.end));
    this.#waitingBytes += bytes.byteLength;
    this.#last += 1;
    this.#waiting.set(this.#last, { frame: bytes, doing });
    this.#ports.tell({ kind: 'claim', claim: this.#last, files, isWrite });
    return true;
  }

  /** Files that a request changes by name or by attributes; null: whatever is below a folder; undefined: none. */
  #touched(opcode: number): readonly string[] | null | undefined {
    const { node, frame } = this.#state;
    if (opcode === OP.setattr) return node === undefined || node.isFolder ? undefined : [this.#fileOf(node)];
    if (this.#words.total === 0 || node === undefined) return undefined;
    if (opcode === OP.unlink) return this.#named(node, frame.body);
    if (opcode === OP.link) {
      const linked = frame.holds(8) ? this.#state.nodes.get(idAt(this.#state.view, frame.body)) : undefined;
      return linked === undefined ? undefined : [this.#fileOf(linked)];
    }
    const headBytes = opcode === OP.rename ? 8 : opcode === OP.rename2 ? 16 : 0;
    if (headBytes === 0 || !frame.holds(headBytes)) return undefined;
    const to = this.#state.nodes.get(idAt(this.#state.view, frame.body));
    const end = frame.endOfName(frame.body + headBytes);
    if (end < 0 || to === undefined) return undefined;
    const from = this.#named(node, frame.body + headBytes);
    const over = this.#named(to, end + 1);
    return from === null || over === null ? null : [...from, ...over];
  }

  /** The file under a name of a folder; null where it is a folder itself; none where there is nothing. */
  #named(folder: FuseNode, nameAt: number): readonly string[] | null {
    const { frame, nodes, posix, statx } = this.#state;
    if (frame.endOfName(nameAt) < 0) return [];
    const fd = nodes.folderFd(folder);
    if (fd < 0 || posix.attrs.stat(fd, nameAt, statx.at) < 0) return [];
    return statx.isFolder ? null : [statx.file];
  }

  #created(handle: number): void {
    const node = this.#state.files.get(handle)?.node;
    if (node === undefined) return;
    const slot = LeaseWords.slotOf(this.#fileOf(node));
    this.#writes.set(handle, slot);
    this.#count(slot, 1);
  }

  #fileOf({ key, birth }: FuseNode): string {
    if (typeof key === 'string') return `${key}:${birth}`;
    return `${this.#state.nodes.rootDevice}:${Math.floor(key / 2 ** 32)}:${key % 2 ** 32}:${birth}`;
  }

  #end({ slots }: Doing): void {
    for (const slot of slots) this.#count(slot, -1);
  }

  #count(slot: number, by: 1 | -1): void {
    if (by === -1 && this.#asked.size > 0) return void this.#less.push(slot);
    const count = (this.#writers.get(slot) ?? 0) + by;
    if (count === 0) this.#writers.delete(slot);
    else this.#writers.set(slot, count);
    this.#words.addWriter(slot, by);
  }

  #drop(nodeId: number, file: string): void {
    this.#held.delete(nodeId);
    if (this.#nodes.get(file) === nodeId) this.#nodes.delete(file);
  }
}
