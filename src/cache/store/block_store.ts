import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Dir, Disk } from '../../world/disk.ts';
import { S3Fifo } from '../eviction/s3_fifo.ts';
import { BlockIndex, FILE_BLOCKS_MAX, type IndexedFile } from './block_index.ts';
import { DiskHealth } from './disk_health.ts';
import { IndexLog, type IndexRecord, recordsOf } from './index_log.ts';
import { type PlainBlock, SealedBlocks } from './sealed_blocks.ts';
import { SlotReads } from './slot_reads.ts';
import { eraseStoreFolder, openStoreFolder } from './store_folder.ts';
import type { StorePorts } from './store_ports.ts';
import type {
  Blocks,
  CacheCounts,
  FileBlock,
  FileVersion,
  StorePlace,
  StoreStanding,
} from './store_types.ts';

interface Waiting {
  readonly of: FileVersion;
  readonly block: number;
  readonly bytes: Uint8Array;
}

/** One that has a slot, and is on its way there. */
interface Placing extends PlainBlock {
  readonly file: IndexedFile;
  readonly name: string;
  readonly key: number;
}

const RECORDS_FLUSHED = 512;
/** Records for each block that is kept, above which most of an index is out of date. */
const RECORDS_PER_BLOCK = 4;
/** What a cache may take changes in steps of a 64th. */
const LIMIT_STEPS_BITS = 6;

/**
 * Blocks of files on a local disk, for whoever would fetch them from further away. It never fails: where it cannot serve it
 * has nothing, and says so in {@link counts}. It never gives wrong bytes: a block proves which block of which version of
 * which file it is. It keeps what it has over a restart, as far as that was written; nothing waits for a flush.
 */
export class BlockStore implements Blocks {
  readonly blockBytes: number;
  readonly #ports: StorePorts;
  readonly #place: StorePlace;
  readonly #slotsMax: number;
  readonly #about: string;
  readonly #health: DiskHealth;
  readonly #reads: SlotReads;
  readonly #counts = { hits: 0, misses: 0, evicted: 0, damaged: 0, bypassed: 0 };
  #index = new BlockIndex();
  #policy: S3Fifo;
  /** Slots that may be used now. */
  #limit = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #lookedEnd = 0;
  #dir: Dir | null = null;
  #blocks: SealedBlocks | null = null;
  #log: IndexLog | null = null;
  #records: IndexRecord[] = [];
  #logged = 0;
  readonly #waiting = new Map<string, Waiting>();
  #waitingBytes = 0;
  #work: Promise<void> | null = null;
  #isClosed = false;

  private constructor(ports: StorePorts, place: StorePlace) {
    this.#ports = ports;
    this.#place = place;
    this.blockBytes = place.blockBytes;
    this.#slotsMax = Math.floor(place.capacityBytes / SealedBlocks.slotBytes(place.blockBytes));
    this.#limit = this.#slotsMax;
    this.#about = `${place.name} ${place.blockBytes}`;
    this.#health = new DiskHealth(ports.clock);
    this.#reads = new SlotReads(ports.clock);
    this.#policy = this.#newPolicy();
  }

  /** Finds what an earlier one has left. Where the disk cannot be used it goes without until it can. */
  static async open(ports: StorePorts, place: StorePlace): Promise<BlockStore> {
    const store = new BlockStore(ports, place);
    await store.#attach();
    return store;
  }

  /** Removes all that a store has left; its key is to be destroyed before. CW_DISK_*. */
  static erase(disk: Pick<Disk, 'openRoot'>, folder: string, name: string): Promise<void> {
    return eraseStoreFolder(disk, folder, name);
  }

  get counts(): CacheCounts {
    return {
      state: this.#health.state,
      capacityBytes: this.#place.capacityBytes,
      residentBytes: this.#index.blocks * this.slotBytes,
      files: this.#index.files,
      ...this.#counts,
    };
  }

  /** What a block takes on the disk. */
  get slotBytes(): number {
    return SealedBlocks.slotBytes(this.blockBytes);
  }

  /** How it is with its disk, and what it has room for now. */
  get standing(): StoreStanding {
    const { slotBytes } = this;
    const { state, why, sinceMs, canRead, canWrite } = this.#health;
    return {
      state,
      why,
      sinceMs,
      canRead,
      canWrite: canWrite && !this.#isClosed,
      limitBytes: this.#limit * slotBytes,
      usedBytes: (this.#index.blocks + this.#waiting.size) * slotBytes,
      indexBytes: this.#index.indexBytes + this.#policy.indexBytes,
    };
  }

  /** Bytes of a block of a file. */
  sizeOf({ sizeBytes }: FileVersion, block: number): number {
    return Math.max(0, Math.min(this.blockBytes, sizeBytes - block * this.blockBytes));
  }

  /** Whether {@link read} is likely to have it. */
  has(of: FileVersion, block: number): boolean {
    if (this.#waiting.has(nameOf(of, block))) return true;
    const file = this.#current(of);
    return file !== null && this.#health.canRead && this.#index.slotOf(BlockIndex.keyOf(file, block)) >= 0;
  }

  /** A block of that version of a file; null where it is not there, or cannot be had in time. The bytes are not to be changed. */
  async read(of: FileVersion, block: number): Promise<Uint8Array | null> {
    const waiting = this.#waiting.get(nameOf(of, block));
    const bytes = waiting?.bytes ?? (await this.#readSlot(of, block));
    if (bytes === null) this.#counts.misses += 1;
    else this.#counts.hits += 1;
    return bytes;
  }

  /** Keeps a block, some time later; `bytes` are whole, and the store's from now on. */
  keep(of: FileVersion, block: number, bytes: Uint8Array): void {
    if (this.#isClosed || block >= FILE_BLOCKS_MAX || bytes.byteLength !== this.sizeOf(of, block)) return;
    const name = nameOf(of, block);
    if (bytes.byteLength === 0 || this.#waiting.has(name)) return;
    const isFull = this.#waitingBytes + bytes.byteLength > LIMITS.cacheWriteQueueMaxBytes.value;
    if (isFull || !this.#health.canWrite) {
      this.#counts.bypassed += 1;
      return;
    }
    this.#waiting.set(name, { of, block, bytes });
    this.#waitingBytes += bytes.byteLength;
    this.#begin();
  }

  /** Whether a block lies on the disk, or is on its way there. */
  whereIs(of: FileVersion, block: number): 'placed' | 'waiting' | 'nowhere' {
    if (this.#waiting.has(nameOf(of, block))) return 'waiting';
    const file = this.#current(of);
    return file !== null && this.#index.slotOf(BlockIndex.keyOf(file, block)) >= 0 ? 'placed' : 'nowhere';
  }

  /** One block is not kept any more, as soon as this returns. */
  forget(of: FileVersion, block: number): void {
    this.#unwait(nameOf(of, block));
    const file = this.#current(of);
    const key = file === null ? -1 : BlockIndex.keyOf(file, block);
    if (key < 0 || this.#index.slotOf(key) < 0) return;
    this.#removeKey(key);
    this.#policy.drop(key);
    this.#begin();
  }

  /** Blocks that lie in so many slots from that one on, after the last slot from the first one on. */
  sample(from: number, slots: number): FileBlock[] {
    return this.#index.sample(from, slots);
  }

  /** Nothing of that file is kept any more, as soon as this returns. */
  drop(key: string): void {
    for (const [name, { of }] of this.#waiting) if (of.file === key) this.#unwait(name);
    const file = this.#index.file(key);
    if (file === undefined) return;
    this.#dropIndexed(file);
    this.#begin();
  }

  /** Resolves when all that was to be kept is written, or was given up. */
  async settled(): Promise<void> {
    while (this.#work !== null) await this.#work;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.settled();
    await this.#detach();
  }

  #newPolicy(): S3Fifo {
    return new S3Fifo(Math.max(1, this.#limit) * this.blockBytes);
  }

  /** What is kept of that very version; what is of another one leaves. */
  #current(of: FileVersion): IndexedFile | null {
    const file = this.#index.file(of.file);
    if (file === undefined) return null;
    if (file.version === of.version && file.sizeBytes === of.sizeBytes) return file;
    this.#dropIndexed(file);
    this.#begin();
    return null;
  }

  #dropIndexed(file: IndexedFile): void {
    for (const { key, slot } of this.#index.drop(file)) {
      this.#policy.drop(key);
      this.#records.push(['free', slot]);
    }
  }

  #removeKey(key: number): void {
    const slot = this.#index.slotOf(key);
    if (slot < 0) return;
    this.#index.remove(slot);
    this.#records.push(['free', slot]);
  }

  async #readSlot(of: FileVersion, block: number): Promise<Uint8Array | null> {
    const file = this.#current(of);
    const key = file === null ? -1 : BlockIndex.keyOf(file, block);
    const slot = key < 0 ? -1 : this.#index.slotOf(key);
    if (slot < 0) return null;
    if (!this.#health.canRead) {
      this.#counts.bypassed += 1;
      return null;
    }
    const blocks = this.#blocks;
    if (blocks === null) return null;
    this.#policy.touch(key);
    try {
      const sizeBytes = this.sizeOf(of, block);
      const bytes = await this.#reads.read(blocks, { of, block, slot, sizeBytes });
      if (bytes === 'late' || bytes === 'busy') {
        if (bytes === 'late') this.#health.wasSlow();
        this.#counts.bypassed += 1;
        return null;
      }
      this.#health.wasRead();
      if (bytes !== null) return bytes;
    } catch (failure) {
      if (this.#blocks === blocks) this.#failed(failure); // else it was closed, to be opened anew
      return null;
    }
    // it may have made room for another one meanwhile, which is no damage
    if (this.#blocks === blocks && this.#index.slotOf(key) === slot) {
      this.#counts.damaged += 1;
      this.#removeKey(key);
      this.#policy.drop(key);
      this.#begin();
    }
    return null;
  }

  #failed(failure: unknown): void {
    this.#health.failed(asCausewayError(failure));
    this.#counts.bypassed += 1;
  }

  #unwait(name: string): void {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) return;
    this.#waiting.delete(name);
    this.#waitingBytes -= waiting.bytes.byteLength;
  }

  /** All writing is one after the other. */
  #begin(): void {
    if (this.#work !== null || this.#isClosed) return;
    this.#work = this.#run().finally(() => {
      this.#work = null;
      if (!this.#isClosed && this.#waiting.size > 0) this.#begin();
    });
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // whoever has dropped or kept something goes on first
    try {
      if (!this.#health.canWrite) return this.#giveUp();
      if (this.#blocks === null || this.#health.isLost) await this.#attach();
      if (this.#blocks === null) return this.#giveUp();
      while (this.#waiting.size > 0) {
        await this.#writeSome();
        if (this.#records.length >= RECORDS_FLUSHED) await this.#flush();
      }
      await this.#flush();
      this.#health.wasWritten();
    } catch (failure) {
      this.#failed(failure);
      this.#giveUp();
    }
  }

  /** What waits is not kept. */
  #giveUp(): void {
    this.#counts.bypassed += this.#waiting.size;
    for (const name of [...this.#waiting.keys()]) this.#unwait(name);
  }

  /** Those that have waited longest, as many as are sealed at a time. */
  async #writeSome(): Promise<void> {
    await this.#lookAtSpace();
    const placing = new Map<number, Placing>();
    for (const [name, waiting] of this.#waiting) {
      const placed = this.#assign(name, waiting, placing);
      if (placed === null) this.#unwait(name);
      else placing.set(placed.key, placed);
      if (placing.size >= LIMITS.cacheBatchBlocks.value) break;
    }
    const placed = [...placing.values()];
    if (placed.length > 0) await this.#seal(placed);
    for (const one of placed) {
      const { file, of, block, slot, name, key, bytes } = one;
      const isWanted = this.#waiting.get(name)?.bytes === bytes && this.#index.file(of.file) === file;
      if (isWanted) this.#occupy(file, block, slot);
      else this.#index.giveBack(slot); // dropped meanwhile
      this.#unwait(name);
      if (this.#index.slotOf(key) < 0) this.#policy.drop(key);
    }
    for (const { file } of placed) this.#index.forget(file);
  }

  /** What could not be written takes no room. CW_DISK_*. */
  async #seal(placed: readonly Placing[]): Promise<void> {
    try {
      await (this.#blocks as SealedBlocks).write(placed);
    } catch (failure) {
      for (const { slot, key, file } of placed) {
        this.#index.giveBack(slot);
        this.#policy.drop(key);
        this.#index.forget(file);
      }
      throw failure;
    }
  }

  /** Finds a slot for a block, for which others may have to leave; null where it is not kept. */
  #assign(name: string, { of, block, bytes }: Waiting, placing: Map<number, Placing>): Placing | null {
    const file = this.#current(of) ?? this.#index.add(of);
    if (file === null) return null;
    const key = BlockIndex.keyOf(file, block);
    const leaving = this.#index.slotOf(key) >= 0 ? null : this.#policy.admit(key, this.blockBytes);
    this.#evict(leaving ?? []);
    for (const left of leaving ?? []) this.#giveUpPlacing(placing, left);
    const slot = leaving === null ? -1 : this.#index.takeFree(this.#limit);
    if (slot >= 0) return { of, block, bytes, slot, file, name, key };
    if (this.#index.slotOf(key) < 0) this.#policy.drop(key);
    if (![...placing.values()].some((one) => one.file === file)) this.#index.forget(file);
    return null;
  }

  /** One that was to be written has to leave before it is. */
  #giveUpPlacing(placing: Map<number, Placing>, key: number): void {
    const one = placing.get(key);
    if (one === undefined) return;
    placing.delete(key);
    this.#index.giveBack(one.slot);
    this.#unwait(one.name);
  }

  #occupy(file: IndexedFile, block: number, slot: number): void {
    this.#index.place(file, block, slot);
    if (!file.isLogged) this.#records.push(['file', file.ref, file.file, file.version, file.sizeBytes]);
    file.isLogged = true;
    this.#records.push(['block', file.ref, block, slot]);
  }

  #evict(leaving: readonly number[]): void {
    for (const key of leaving) this.#removeKey(key);
    this.#counts.evicted += leaving.length;
  }

  /** Keeps the reserve free: the cache grows into what is above it, and shrinks where others have taken it. */
  async #lookAtSpace(): Promise<void> {
    const now = this.#ports.clock.monotonicMs();
    const isGrowing = this.#index.end >= this.#lookedEnd + LIMITS.cacheSpaceStepSlots.value;
    if (!isGrowing && now - this.#lookedMs < LIMITS.cachePauseMs.value) return;
    const { freeBytes } = await (this.#dir as Dir).space();
    [this.#lookedEnd, this.#lookedMs] = [this.#index.end, now];
    const slotBytes = SealedBlocks.slotBytes(this.blockBytes);
    const most = this.#index.end + Math.floor((freeBytes - this.#place.reserveBytes) / slotBytes);
    // in steps, so that it does not follow every change
    const step = Math.max(1, this.#slotsMax >> LIMIT_STEPS_BITS);
    const limit = most >= this.#slotsMax ? this.#slotsMax : Math.max(0, most - (most % step));
    if (limit >= this.#limit && limit < this.#slotsMax && limit < this.#limit + 2 * step) return;
    if (limit !== this.#limit) await this.#setLimit(limit);
  }

  async #setLimit(limit: number): Promise<void> {
    const isCut = limit < this.#index.end;
    this.#limit = limit;
    const leaving = this.#index.cut(limit);
    for (const slot of leaving) this.#records.push(['free', slot]);
    this.#counts.evicted += leaving.length;
    this.#policy = this.#newPolicy();
    for (const { file, block } of this.#index.entries())
      this.#policy.admit(BlockIndex.keyOf(file, block), this.blockBytes);
    if (isCut) await (this.#blocks as SealedBlocks).cut(limit);
  }

  async #flush(): Promise<void> {
    const records = this.#records;
    if (records.length === 0) return;
    this.#records = [];
    const log = this.#log as IndexLog;
    await log.append(records);
    this.#logged += records.length;
    const isLong = log.sizeBytes > LIMITS.cacheIndexRewriteBytes.value;
    if (isLong && this.#logged > RECORDS_PER_BLOCK * this.#index.blocks) await this.#rewrite();
  }

  async #rewrite(): Promise<void> {
    this.#records = [];
    const all = [...recordsOf(this.#index)];
    this.#logged = all.length;
    await (this.#log as IndexLog).rewrite(this.#dir as Dir, all);
    for (const file of this.#index.all()) file.isLogged = true;
  }

  /** Opens what is on the disk, and starts with what is there. */
  async #attach(): Promise<void> {
    await this.#detach();
    const { folder, name, key } = this.#place;
    try {
      this.#dir = await openStoreFolder(this.#ports.disk, folder, name);
      const blocks = new SealedBlocks(this.#ports, key, this.#about, this.blockBytes);
      await blocks.open(this.#dir);
      this.#blocks = blocks;
      await this.#load(this.#dir);
    } catch (failure) {
      this.#failed(failure);
      await this.#detach();
    }
  }

  async #load(dir: Dir): Promise<void> {
    this.#index = new BlockIndex();
    this.#limit = this.#slotsMax;
    [this.#lookedMs, this.#lookedEnd] = [Number.NEGATIVE_INFINITY, 0];
    this.#policy = this.#newPolicy();
    this.#log = new IndexLog(this.#ports, this.#place.key, this.#about);
    const files = new Map<number, FileVersion>();
    const { damaged } = await this.#log.open(dir, (record) => {
      this.#logged += 1;
      if (record[0] === 'free') this.#forget(record[1]);
      else if (record[0] === 'file')
        files.set(record[1], { file: record[2], version: record[3], sizeBytes: record[4] });
      else this.#remember(files.get(record[1]), record[2], record[3]);
    });
    this.#counts.damaged += damaged;
    if (damaged > 0 || this.#logged > RECORDS_PER_BLOCK * this.#index.blocks) await this.#rewrite();
    await this.#blocks?.cut(this.#index.end);
  }

  #remember(of: FileVersion | undefined, block: number, slot: number): void {
    if (of === undefined || slot >= this.#slotsMax) return;
    this.#forget(slot);
    const known = this.#current(of);
    if (known !== null) this.#forget(this.#index.slotOf(BlockIndex.keyOf(known, block)));
    const file = this.#current(of) ?? this.#index.add(of);
    if (file === null) return;
    this.#index.place(file, block, slot);
    const leaving = this.#policy.admit(BlockIndex.keyOf(file, block), this.blockBytes);
    for (const key of leaving ?? []) this.#index.remove(this.#index.slotOf(key));
  }

  #forget(slot: number): void {
    const key = slot < 0 ? -1 : this.#index.keyAt(slot);
    if (key < 0) return;
    this.#index.remove(slot);
    this.#policy.drop(key);
  }

  async #detach(): Promise<void> {
    const [blocks, log, dir] = [this.#blocks, this.#log, this.#dir];
    [this.#blocks, this.#log, this.#dir] = [null, null, null];
    this.#records = [];
    this.#logged = 0;
    for (const one of [blocks, log, dir]) await one?.close().catch(() => undefined); // a disk that is gone: there is nothing to keep
  }
}

function nameOf({ file, version }: FileVersion, block: number): string {
  return `${file} ${version} ${block}`;
}
