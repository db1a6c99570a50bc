import { LIMITS } from '../../base/limits.ts';
import { LEASE } from '../../cache/lease/lease_kinds.ts';
import type { WarmList } from '../../cache/prediction/warm_list.ts';
import type { AheadFigures } from '../../cache/read_ahead/ahead_account.ts';
import type { Blocks, CacheCounts, FileVersion } from '../../cache/store/store_types.ts';
import type { TierTime } from '../../cache/store/tier_times.ts';
import type { Clock } from '../../world/clock.ts';
import { lookOf, statxFrame, toldBy } from './cache_frames.ts';
import { CachedFile } from './cached_file.ts';
import { FarAhead } from './far_ahead.ts';
import { type BlockReader, FarBlocks } from './far_blocks.ts';
import type { Handle, Opening } from './far_handles.ts';
import { forgottenBy } from './far_known.ts';
import { type FarLeasePorts, FarLeases, wishedBy } from './far_leases.ts';
import { FarRule, type FarRuleSettings } from './far_rule.ts';
import { errorAnswer } from './far_writes.ts';
import { KernelPages } from './kernel_pages.ts';
import { askFrame, brokenBy, WRITE_EPOCH_AT } from './lease_frames.ts';
import type { MemoryGovernor } from './memory_governor.ts';
import { OwnFiles } from './own_files.ts';
import { ERRNO, IN_HEADER_BYTES, O_ACCESS, OP, OPENED_KEEPS, OUT_HEADER_BYTES } from './protocol.ts';

/** One request or answer as it passes. */
export interface PassingFrame {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly opcode: number;
  readonly unique: bigint;
}

/** What a cache does through the mount that it stands in front of. */
export interface FarCachePorts {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Sends a request to the other machine. The kernel's own ones are answered to it, others to {@link FarCache.answered}. */
  readonly send: (frame: Uint8Array, opcode: number, unique: bigint) => void;
  /** Answers the kernel. */
  readonly answer: (...parts: readonly Uint8Array[]) => void;
  /** The same once the kernel knows of all changes that were told until now. */
  readonly answerTold: (bytes: Uint8Array) => void;
  readonly leases: Pick<FarLeasePorts, 'tell' | 'forget' | 'whenWritten' | 'isLocked'>;
}

export interface FarCacheOptions {
  /** What the kernel has read of a file stays, where the file is unchanged at the next open. */
  readonly keepsPages: boolean;
  /** Blocks that are kept in memory, beside the disk. */
  readonly memoryBytes: number;
  /** Whom that is wished of; null: it is so, whatever there is. */
  readonly governor: MemoryGovernor | null;
  readonly rule?: FarRuleSettings;
  /** Where it is kept what was read after a start. */
  readonly warm?: WarmList;
}

/** What it came to since it was opened. */
export interface FarCacheFigures extends CacheCounts {
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly memoryPressurePercent: number;
  readonly bytesAsked: number;
  readonly bytesFromCache: number;
  readonly bytesFetched: number;
  readonly passed: number;
  readonly ahead: AheadFigures[];
  readonly reads: TierTime[];
}

/** Requests of this one have numbers that no kernel gives. */
const OWN = 1n << 62n;
const CHANGES: ReadonlySet<number> = new Set([OP.write, OP.setattr, OP.fallocate, OP.copyFileRange]);
/** O_DIRECT, which has one of two values; on files the other one means nothing. */
const O_DIRECT = 0o240000;
const READ_IN_BYTES = IN_HEADER_BYTES + 40;
const OPEN_IN_BYTES = IN_HEADER_BYTES + 8;
const RELEASE_IN_BYTES = IN_HEADER_BYTES + 24;
const WRITE_IN_BYTES = IN_HEADER_BYTES + 40;
/** O_ACCMODE, O_TRUNC and O_DIRECT. */
const NOT_READ_ONLY = O_ACCESS | 0o1000 | O_DIRECT;
const NO_LEASE = { kinds: LEASE.none, epoch: 0 };
const PAGE_BYTES = 4_096;

interface Reading extends BlockReader {
  readonly unique: bigint;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly isInOrder: boolean;
  readonly isKept: boolean;
}

/**
 * Blocks of files in front of a mount whose other machine is far: a READ is answered from the disk of this one where the
 * file is known to be as it was. It is asked for at each open, beside it, and after LIMITS.cacheStalenessMs while it is open.
 * What this mount changes drops what is kept of the file. Where there is any doubt the request goes on as it is.
 */
export class FarCache {
  readonly blocks: FarBlocks;
  readonly leases: FarLeases;
  readonly #rule = new FarRule();
  readonly #ahead: FarAhead;
  readonly #pages: KernelPages | null;
  readonly #leaveGovernor: (() => void) | undefined;
  readonly #ports: FarCachePorts;
  readonly #files = new Map<bigint, CachedFile>();
  readonly #handles = new Map<bigint, Handle>();
  /** OPENs whose answers wait for what is asked beside them. */
  readonly #opening = new Map<bigint, Opening>();
  readonly #changing = new Map<bigint, CachedFile>();
  /** Attributes that the kernel asks for, of files that are open. */
  readonly #attrs = new Map<bigint, bigint>();
  readonly #own = new Map<bigint, (answer: Uint8Array) => void>();
  #last = 0n;
  #farAheadMs: number | null = null;

  constructor(store: Blocks, ports: FarCachePorts, options: FarCacheOptions) {
    this.#ports = ports;
    this.rule = options.rule ?? this.#rule.settings;
    this.#pages = options.keepsPages ? new KernelPages() : null;
    const ask = (frameOf: (unique: bigint) => Uint8Array, opcode: number) => this.#ask(frameOf, opcode);
    this.blocks = new FarBlocks(store, options.memoryBytes, { clock: ports.clock, ask });
    const farMs = () => (this.#farAheadMs === null ? null : this.#farAheadMs + ports.clock.monotonicMs());
    const files = new OwnFiles({ clock: ports.clock, ask, farMs });
    this.#ahead = new FarAhead({
      ...{ blocks: this.blocks, files, clock: ports.clock },
      warm: options.warm ?? null,
    });
    this.#leaveGovernor = options.governor?.join({
      wishedBytes: options.memoryBytes,
      set: (limitBytes, pressure) => {
        this.mayHave(limitBytes, pressure);
      },
    });
    const { clock, leases } = ports;
    this.leases = new FarLeases({
      ...leases,
      clock,
      ask: (frameOf, answered) => {
        const unique = this.#unique();
        this.#own.set(unique, answered);
        ports.send(frameOf(unique), OP.statx, unique);
      },
      close: (release) => this.#close(release),
      doubt: (node) => void this.#files.get(node)?.doubt(),
    });
  }

  get figures(): FarCacheFigures {
    const { store, memory, counts, ahead, times } = this.blocks;
    const { bytesAsked, bytesFromCache, bytesFetched, passed } = counts;
    const memoryPressurePercent = Math.round(100 * this.#ahead.pressure);
    const inMemory = {
      memoryBytes: memory.bytes,
      memoryLimitBytes: memory.limitBytes,
      memoryPressurePercent,
    };
    const read = { bytesAsked, bytesFromCache, bytesFetched, passed };
    return { ...store.counts, ...inMemory, ...read, ahead, reads: times.times };
  }

  /** What is opened, changed and read from now on goes by that. */
  set rule(settings: FarRuleSettings) {
    this.#rule.settings = settings;
  }

  /** True where that request was answered: nothing is to be changed. */
  refuses(frame: PassingFrame): boolean {
    if (!this.#rule.refuses(frame)) return false;
    this.#ports.answer(errorAnswer(frame.unique, ERRNO.EROFS));
    return true;
  }

  /** From now on so much may be in memory. `pressure`: 0 where there is some to spare, 1 where there is none. */
  mayHave(limitBytes: number, pressure: number): void {
    this.blocks.memory.limitBytes = limitBytes;
    this.#ahead.pressure = pressure;
  }

  /** What the clock of the other machine shows now; undefined where it does not say so. */
  farClock(wallMs: number | undefined): void {
    this.#farAheadMs = wallMs === undefined ? null : wallMs - this.#ports.clock.monotonicMs();
  }

  /** True where it answers that request of the kernel by itself, or has it go on later. */
  takes(frame: PassingFrame): boolean {
    const { opcode, view, bytes, unique } = frame;
    if (opcode === OP.open) return this.#reopens(frame);
    if (opcode === OP.release) return this.#keeps(frame);
    if (opcode === OP.write) this.#stamp(frame);
    if (opcode !== OP.read || bytes.byteLength < READ_IN_BYTES) return false;
    const handle = this.#handles.get(view.getBigUint64(IN_HEADER_BYTES, true));
    if (handle === undefined) return false;
    const offset = Number(view.getBigUint64(IN_HEADER_BYTES + 8, true));
    const sizeBytes = view.getUint32(IN_HEADER_BYTES + 16, true);
    const isDirect = (view.getUint32(IN_HEADER_BYTES + 32, true) & O_DIRECT) !== 0;
    const isInOrder = offset === 0 || offset === handle.endAt;
    handle.runBytes = sizeBytes + (offset === handle.endAt ? handle.runBytes : 0);
    handle.endAt = offset + sizeBytes;
    const isKept = this.#rule.keeps(handle.runBytes);
    const { file } = handle;
    if (isDirect || file.changes > 0 || !Number.isSafeInteger(offset + sizeBytes)) {
      this.blocks.counts.passed += 1;
      return false;
    }
    void this.#read({ file, bytes: bytes.slice(), unique, offset, sizeBytes, isInOrder, isKept });
    return true;
  }

  /** It may have been changed over there: it is asked for again before anything of it is served. */
  changed(node: bigint): void {
    this.#files.get(node)?.doubt();
    this.leases.changed(node);
  }

  /** True where a notice was about a lease. */
  told(notice: Uint8Array): boolean {
    const broken = brokenBy(notice);
    if (broken === null) return false;
    const { node, epoch, kinds } = broken;
    this.leases.broken(broken, () => {
      // what is written from now on is written without a lease
      if ((kinds & LEASE.write) === 0)
        for (const handle of this.#handles.values())
          if (handle.file.node === node && handle.epoch === epoch) handle.epoch = 0;
    });
    return true;
  }

  /** Notes a request that goes to the other machine. What is to be asked beside it, or null. */
  passing(passing: PassingFrame): { readonly frame: Uint8Array; readonly unique: bigint } | null {
    const { opcode, view, bytes, unique } = passing;
    for (const forgotten of forgottenBy(passing)) this.leases.giveBack(forgotten);
    const node = view.getBigUint64(16, true);
    this.#ahead.listings.passing({ opcode, view, bytes, unique });
    if (opcode === OP.open) return this.#open(bytes, node, unique);
    if (opcode === OP.release) this.#released(view.getBigUint64(IN_HEADER_BYTES, true));
    else if (CHANGES.has(opcode)) {
      const isCopy = opcode === OP.copyFileRange && bytes.byteLength >= IN_HEADER_BYTES + 24;
      this.#change(isCopy ? view.getBigUint64(IN_HEADER_BYTES + 16, true) : node, unique);
    }
    const isAsked = opcode === OP.getattr || opcode === OP.setattr || opcode === OP.statx;
    if (isAsked && this.#files.has(node)) this.#attrs.set(unique, node);
    return null;
  }

  /** True where the kernel is not to get that answer, or not yet. Its memory is the caller's again afterwards. */
  answered(opcode: number, unique: bigint, bytes: Uint8Array): boolean {
    const own = this.#own.get(unique);
    if (own !== undefined) {
      this.#own.delete(unique);
      own(bytes);
      return true;
    }
    this.#rule.answered(opcode, unique, bytes);
    if (opcode === OP.open) return this.#opened(unique, bytes);
    this.#ahead.listings.told(opcode, unique, bytes);
    const changed = this.#changing.get(unique);
    if (changed !== undefined) {
      this.#changing.delete(unique);
      changed.changes -= 1;
      changed.doubt();
    }
    if (this.#files.size > 0) {
      const asked = this.#attrs.get(unique) ?? 0n;
      this.#attrs.delete(unique);
      for (const [node, version] of toldBy(opcode, bytes, asked)) this.#files.get(node)?.told(version);
    }
    return false;
  }

  /** Keeps what the next start is to know. */
  leave(): Promise<void> {
    return this.#ahead.close();
  }

  close(): Promise<void> {
    this.leases.end();
    this.#files.clear();
    this.#handles.clear();
    this.#leaveGovernor?.();
    return this.blocks.close();
  }

  #unique(): bigint {
    this.#last += 1n;
    return OWN + this.#last * 2n;
  }

  #open(bytes: Uint8Array, node: bigint, unique: bigint): { frame: Uint8Array; unique: bigint } | null {
    let file = this.#files.get(node);
    if (file === undefined) {
      if (this.#files.size >= LIMITS.cacheFilesMax.value) return null;
      file = new CachedFile(node);
      this.#files.set(node, file);
    }
    file.opens += 1;
    const isReadOnly = bytes.byteLength >= OPEN_IN_BYTES && (flagsOf(bytes) & NOT_READ_ONLY) === 0;
    const opening: Opening = { file, isReadOnly, held: null, handle: null, epoch: null };
    this.#opening.set(unique, opening);
    const asks = this.leases.isOn;
    const beside = this.#look(file, (answer, askedMs) => {
      const { kinds, epoch } = asks ? this.leases.given(node, answer, askedMs) : NO_LEASE;
      opening.epoch = !isReadOnly && (kinds & LEASE.write) !== 0 ? epoch : 0;
      if (opening.handle !== null) opening.handle.epoch = opening.epoch;
      if (opening.held === null) return;
      this.#opening.delete(unique);
      this.#pages?.opened(opening.held, file);
      this.#ports.answer(opening.held);
    });
    const frame = asks
      ? askFrame(bytes, node, beside, wishedBy(!isReadOnly))
      : statxFrame(bytes, node, beside);
    return { unique: beside, frame };
  }

  /** True where an OPEN needs nothing from the other machine. */
  #reopens({ view, bytes, unique }: PassingFrame): boolean {
    if (bytes.byteLength < OPEN_IN_BYTES || (flagsOf(bytes) & NOT_READ_ONLY) !== 0) return false;
    const id = this.leases.reopened(view.getBigUint64(16, true));
    const handle = id === null ? undefined : this.#handles.get(id);
    if (id === null || handle === undefined) return false;
    handle.endAt = 0;
    this.#ports.answerTold(FarLeases.openAnswer(unique, id, handle.flags | OPENED_KEEPS));
    return true;
  }

  /** True where a file that is closed stays open over there. */
  #keeps({ view, bytes, unique }: PassingFrame): boolean {
    if (bytes.byteLength < RELEASE_IN_BYTES) return false;
    const id = view.getBigUint64(IN_HEADER_BYTES, true);
    const handle = this.#handles.get(id);
    if (!handle?.isReadOnly || !this.leases.keeps(handle.file.node, id, bytes)) return false;
    this.#ports.answer(errorAnswer(unique, 0));
    return true;
  }

  /** A file that was kept open over there is closed. */
  #close(release: Uint8Array): void {
    const frame = release.slice();
    const unique = this.#unique();
    const view = new DataView(frame.buffer);
    view.setBigUint64(8, unique, true);
    this.#own.set(unique, () => undefined);
    this.#ports.send(frame, OP.release, unique);
    this.#released(view.getBigUint64(IN_HEADER_BYTES, true));
  }

  /** A write says under which lease its file was opened: the other machine refuses it when that one was taken away. */
  #stamp({ view, bytes }: PassingFrame): void {
    if (bytes.byteLength < WRITE_IN_BYTES) return;
    const handle = this.#handles.get(view.getBigUint64(IN_HEADER_BYTES, true));
    if (handle !== undefined && handle.epoch !== 0)
      view.setUint32(IN_HEADER_BYTES + WRITE_EPOCH_AT, handle.epoch, true);
  }

  /** The answer waits until it is known what was opened. */
  #opened(unique: bigint, bytes: Uint8Array): boolean {
    const opening = this.#opening.get(unique);
    if (opening === undefined) return false;
    const { file } = opening;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getInt32(4, true) !== 0 || bytes.byteLength < OUT_HEADER_BYTES + 8) {
      this.#opening.delete(unique);
      this.#leave(file);
      return false;
    }
    const { isReadOnly, epoch } = opening;
    const flags = bytes.byteLength < OUT_HEADER_BYTES + 12 ? 0 : view.getUint32(OUT_HEADER_BYTES + 8, true);
    opening.handle = { file, endAt: 0, runBytes: 0, flags, isReadOnly, epoch: epoch ?? 0 };
    this.#handles.set(view.getBigUint64(OUT_HEADER_BYTES, true), opening.handle);
    if (epoch !== null) {
      this.#opening.delete(unique);
      this.#pages?.opened(bytes, file);
      return false;
    }
    opening.held = bytes.slice();
    return true;
  }

  #released(handle: bigint): void {
    const open = this.#handles.get(handle);
    if (open === undefined) return;
    this.#handles.delete(handle);
    if (open.epoch !== 0) this.leases.giveBack(open.file.node);
    this.#leave(open.file);
  }

  #leave(file: CachedFile): void {
    file.opens -= 1;
    if (file.opens > 0 || this.#files.get(file.node) !== file) return;
    this.#files.delete(file.node);
    this.#ahead.left(file);
  }

  #change(node: bigint, unique: bigint): void {
    this.#pages?.changed(node);
    const file = this.#files.get(node);
    if (file === undefined) return;
    file.changes += 1;
    this.#changing.set(unique, file);
    const was = file.doubt();
    if (was !== null) this.blocks.drop(was.file);
  }

  /** The number of a question what the file is like now, which is sent by the caller. */
  #look(file: CachedFile, done: (answer: Uint8Array, askedMs: number) => void): bigint {
    const unique = this.#unique();
    const { epoch } = file;
    const askedMs = this.#ports.clock.monotonicMs();
    const farMs = this.#farAheadMs === null ? null : this.#farAheadMs + askedMs;
    this.#own.set(unique, (answer) => {
      // what was changed since may not be in the answer
      if (file.changes > 0 || (file.epoch !== epoch && file.versionAt(askedMs) === null)) file.doubt();
      else file.seen(lookOf(answer), askedMs, farMs);
      done(answer, askedMs);
    });
    return unique;
  }

  /** Its version now, asked for where it was not for a while; null where that is not to be known. */
  async #versionOf({ file, bytes }: Reading): Promise<FileVersion | null> {
    const { clock, send } = this.#ports;
    const known = file.versionAt(clock.monotonicMs(), this.leases.isRead(file.node));
    if (known !== null) return known;
    file.looking ??= new Promise<void>((resolve) => {
      const unique = this.#look(file, () => {
        file.looking = null;
        resolve();
      });
      send(statxFrame(bytes, file.node, unique), OP.statx, unique);
    });
    const askedMs = clock.monotonicMs();
    await file.looking;
    return file.versionAt(askedMs);
  }

  async #read(reading: Reading): Promise<void> {
    const { file, unique, offset, sizeBytes } = reading;
    const startMs = this.#ports.clock.monotonicMs();
    const of = await this.#versionOf(reading);
    const { epoch } = file;
    // a kernel that reads further knows of more than is known here
    const endAt = of === null ? 0 : Math.ceil(of.sizeBytes / PAGE_BYTES) * PAGE_BYTES;
    if (of === null || offset + sizeBytes > endAt || !file.isSettledAt(this.#ports.clock.monotonicMs()))
      return this.#pass(reading);
    const endOfRead = Math.max(offset, Math.min(offset + sizeBytes, of.sizeBytes));
    const wanted = this.blocks.want(reading, of, offset, endOfRead);
    this.#ahead.read(reading, of, [offset, endOfRead], wanted.tier);
    const parts = partsOf(
      await Promise.all(wanted.blocks),
      offset % this.blocks.store.blockBytes,
      endOfRead - offset,
    );
    if (file.epoch !== epoch || parts === null) return this.#pass(reading);
    const head = new DataView(new ArrayBuffer(OUT_HEADER_BYTES));
    head.setUint32(0, OUT_HEADER_BYTES + endOfRead - offset, true);
    head.setBigUint64(8, unique, true);
    this.blocks.counts.answered += 1;
    this.#ports.answer(new Uint8Array(head.buffer), ...parts);
    this.blocks.times.observe(wanted.tier, this.#ports.clock.monotonicMs() - startMs);
  }

  /** Asks the other machine by itself. The answer is the caller's. */
  #ask(frameOf: (unique: bigint) => Uint8Array, opcode: number): Promise<Uint8Array> {
    const unique = this.#unique();
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    this.#own.set(unique, (answer) => resolve(answer.slice()));
    this.#ports.send(frameOf(unique), opcode, unique);
    return promise;
  }

  /** It goes to the other machine as it is. */
  #pass({ bytes, unique }: Reading): void {
    this.blocks.counts.passed += 1;
    this.#ports.send(bytes, OP.read, unique);
  }
}

/** So many bytes of blocks that follow each other; null where they are not all there. */
function partsOf(
  blocks: readonly (Uint8Array | null)[],
  skipBytes: number,
  lengthBytes: number,
): Uint8Array[] | null {
  const parts: Uint8Array[] = [];
  let leftBytes = lengthBytes;
  for (const [at, bytes] of blocks.entries()) {
    if (bytes === null) return null;
    const from = at === 0 ? skipBytes : 0;
    const part = bytes.subarray(from, from + leftBytes);
    leftBytes -= part.byteLength;
    parts.push(part);
  }
  return leftBytes === 0 ? parts : null;
}

const flagsOf = (open: Uint8Array) =>
  new DataView(open.buffer, open.byteOffset).getUint32(IN_HEADER_BYTES, true);
