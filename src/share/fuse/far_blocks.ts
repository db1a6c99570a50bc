import { LIMITS } from '../../base/limits.ts';
import { MemoryTier } from '../../cache/memory/memory_tier.ts';
import { AheadAccount, type AheadFigures, type AheadKind } from '../../cache/read_ahead/ahead_account.ts';
import { LinkMeter } from '../../cache/read_ahead/link_meter.ts';
import type { Blocks, FileVersion } from '../../cache/store/store_types.ts';
import { TIERS, type Tier, TierTimes } from '../../cache/store/tier_times.ts';
import type { Clock } from '../../world/clock.ts';
import { readFrame } from './cache_frames.ts';
import type { CachedFile } from './cached_file.ts';
import { OP, OUT_HEADER_BYTES } from './protocol.ts';

const TOUCHED_MAX = 8_192;

/** Whoever reads a file: requests for blocks are made as its own. */
export interface BlockReader {
  readonly file: CachedFile;
  /** A READ of it. */
  readonly bytes: Uint8Array;
  /** False: what comes is not kept on the disk. */
  readonly isKept?: boolean;
}

/** What was read through a mount with a cache. */
export interface FarCacheCounts {
  /** Reads of the kernel that were answered without the other machine, or in part. */
  answered: number;
  /** Reads that went to the other machine as they were. */
  passed: number;
  /** Of the answered ones. */
  bytesAsked: number;
  /** Of these, those that were there, or on their way because they were fetched ahead. */
  bytesFromCache: number;
  bytesFetched: number;
}

export interface FarBlocksPorts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Asks the other machine something that the kernel did not; the answer is the caller's. */
  readonly ask: (frameOf: (unique: bigint) => Uint8Array, opcode: number) => Promise<Uint8Array>;
}

/** A part of a file, its blocks on their way. */
export interface Wanted {
  readonly blocks: readonly Promise<Uint8Array | null>[];
  /** Where the slowest of them comes from. */
  readonly tier: Tier;
}

interface Coming {
  readonly bytes: Promise<Uint8Array | null>;
  isAhead: boolean;
}

/** Blocks of files of another machine: from memory, from the disk of this one, or from there. */
export class FarBlocks {
  readonly store: Blocks;
  readonly memory: MemoryTier;
  readonly counts: FarCacheCounts = {
    answered: 0,
    passed: 0,
    bytesAsked: 0,
    bytesFromCache: 0,
    bytesFetched: 0,
  };
  readonly link = new LinkMeter();
  readonly times = new TierTimes(TIERS);
  readonly #ports: FarBlocksPorts;
  readonly #account = new AheadAccount(LIMITS.cacheAheadWatchedMax.value);
  readonly #coming = new Map<string, Coming>();
  readonly #touched = new Set<string>();
  #aheadBytes = 0;

  /** `memoryBytes`: of blocks that are kept in memory too. */
  constructor(store: Blocks, memoryBytes: number, ports: FarBlocksPorts) {
    this.store = store;
    this.memory = new MemoryTier(memoryBytes);
    this.#ports = ports;
  }

  get ahead(): AheadFigures[] {
    return this.#account.figures;
  }

  /** What of a file holds those bytes, which are within its size. All that is missing is asked for when this returns. */
  want(
    reader: BlockReader & { readonly isInOrder: boolean },
    of: FileVersion,
    offset: number,
    end: number,
  ): Wanted {
    const { blockBytes } = this.store;
    const first = Math.floor(offset / blockBytes);
    const count = Math.ceil(end / blockBytes) - first;
    const isMissing: boolean[] = [];
    let tier = 0;
    const blocks = Array.from({ length: count }, (_, at): Promise<Uint8Array | null> => {
      const from = (first + at) * blockBytes;
      const wantedBytes = Math.min(end, from + blockBytes) - Math.max(offset, from);
      this.counts.bytesAsked += wantedBytes;
      const found = this.#found(reader, of, first + at, wantedBytes);
      isMissing[at] = found === null && this.#isWorthIt(reader, of, first + at, wantedBytes);
      tier = Math.max(tier, TIERS.indexOf(found?.tier ?? 'link'));
      return found?.bytes ?? NOT_HERE;
    });
    for (let at = 0; at < count; ) {
      const run = runOf(isMissing, at, this.#runMax);
      const fetched = run === 0 ? [] : this.#fetchRun(reader, of, first + at, run, null);
      blocks.splice(at, run, ...fetched);
      at += Math.max(1, run);
    }
    return { blocks, tier: TIERS[tier] as Tier };
  }

  /** Fetches what is not there and may be asked for soon, within a budget. */
  fetchAhead(reader: BlockReader, of: FileVersion, offset: number, end: number, kind: AheadKind): void {
    const { blockBytes } = this.store;
    const last = Math.ceil(Math.min(end, of.sizeBytes) / blockBytes);
    for (let block = Math.floor(offset / blockBytes); block < last; ) {
      let count = 0;
      while (count < this.#runMax && block + count < last && !this.isNear(of, block + count)) count += 1;
      const isFull = this.#aheadBytes + count * blockBytes > this.#aheadMaxBytes;
      if (count > 0 && isFull) return;
      if (count > 0) this.#fetchRun(reader, of, block, count, kind);
      block += Math.max(1, count);
    }
  }

  /** Takes a block that the disk has into memory, before anybody asks for it. */
  async warm(of: FileVersion, block: number): Promise<void> {
    const name = nameOf(of, block);
    if (this.memory.has(name) || this.#coming.has(name)) return;
    const bytes = await this.store.read(of, block);
    if (bytes === null || this.memory.has(name) || !this.store.has(of, block)) return; // or the file was changed meanwhile
    this.memory.put(name, of.file, bytes);
    this.#account.fetched(name, of.file, bytes.byteLength, 'start');
  }

  /** Nothing of a file is right any more. */
  drop(file: string): void {
    this.store.drop(file);
    this.memory.drop(file);
    this.#account.dropped(file);
  }

  close(): Promise<void> {
    this.memory.clear();
    return this.store.close();
  }

  /** Blocks that are fetched in one piece. */
  get #runMax(): number {
    return Math.max(1, Math.floor(LIMITS.mountReadMaxBytes.value / this.store.blockBytes));
  }

  /** What waits for its readers in memory must have room there. */
  get #aheadMaxBytes(): number {
    return Math.min(LIMITS.cacheAheadMaxBytes.value, this.memory.limitBytes / 2);
  }

  /** Whether it is here, or on its way. */
  isNear(of: FileVersion, block: number): boolean {
    const name = nameOf(of, block);
    return this.memory.has(name) || this.#coming.has(name) || this.store.has(of, block);
  }

  #found(reader: BlockReader, of: FileVersion, block: number, wantedBytes: number): Found | null {
    const name = nameOf(of, block);
    const inMemory = this.memory.get(name);
    const coming = this.#coming.get(name);
    const isOnDisk = inMemory === null && coming === undefined && this.store.has(of, block);
    if (inMemory === null && coming === undefined && !isOnDisk) return null;
    const ahead = this.#account.used(name);
    if (inMemory !== null || isOnDisk || ahead !== null || coming?.isAhead === true)
      this.counts.bytesFromCache += wantedBytes;
    if (inMemory !== null) return { bytes: Promise.resolve(inMemory), tier: 'memory' };
    if (coming !== undefined) return { bytes: coming.bytes, tier: 'link' };
    return { bytes: this.#fromDisk(reader, of, block, wantedBytes), tier: 'disk' };
  }

  async #fromDisk(
    reader: BlockReader,
    of: FileVersion,
    block: number,
    wantedBytes: number,
  ): Promise<Uint8Array | null> {
    const kept = await this.store.read(of, block);
    if (kept !== null) {
      this.memory.put(nameOf(of, block), of.file, kept);
      return kept;
    }
    this.counts.bytesFromCache -= wantedBytes;
    const again = this.#coming.get(nameOf(of, block)); // somebody else has found it damaged meanwhile
    return again?.bytes ?? (this.#fetchRun(reader, of, block, 1, null)[0] as Promise<Uint8Array | null>);
  }

  /** A small read somewhere costs no whole block; the second one there does. */
  #isWorthIt(
    { isInOrder }: { isInOrder: boolean },
    of: FileVersion,
    block: number,
    wantedBytes: number,
  ): boolean {
    if (isInOrder || wantedBytes * 2 >= this.store.sizeOf(of, block)) return true;
    const name = `${of.file} ${block}`;
    if (this.#touched.delete(name)) return true;
    this.#touched.add(name);
    if (this.#touched.size > TOUCHED_MAX)
      for (const oldest of this.#touched.keys()) return !this.#touched.delete(oldest);
    return false;
  }

  /** Fetches blocks that follow each other in one piece. `kind`: why nobody asked for them; null where somebody did. */
  #fetchRun(
    reader: BlockReader,
    of: FileVersion,
    first: number,
    count: number,
    kind: AheadKind | null,
  ): Promise<Uint8Array | null>[] {
    const { blockBytes } = this.store;
    const whole = this.#fetch(reader, of, first, count, kind !== null);
    return Array.from({ length: count }, (_, at) => {
      const name = nameOf(of, first + at);
      const coming = whole.then((bytes) => {
        this.#coming.delete(name);
        return bytes?.subarray(at * blockBytes, (at + 1) * blockBytes) ?? null;
      });
      this.#coming.set(name, { bytes: coming, isAhead: kind !== null });
      if (kind !== null) this.#account.fetched(name, of.file, this.store.sizeOf(of, first + at), kind);
      return coming;
    });
  }

  async #fetch(
    { file, bytes, isKept = true }: BlockReader,
    of: FileVersion,
    first: number,
    count: number,
    isAhead: boolean,
  ): Promise<Uint8Array | null> {
    const { clock, ask } = this.#ports;
    const { blockBytes } = this.store;
    const sizeBytes = Math.min(count * blockBytes, of.sizeBytes - first * blockBytes);
    const { epoch } = file;
    const sentMs = clock.monotonicMs();
    this.link.sent(sentMs);
    if (isAhead) this.#aheadBytes += count * blockBytes;
    const answer = await ask((unique) => readFrame(bytes, unique, first * blockBytes, sizeBytes), OP.read);
    if (isAhead) this.#aheadBytes -= count * blockBytes;
    const content = answer.subarray(OUT_HEADER_BYTES);
    const isWhole = content.byteLength === sizeBytes;
    this.link.arrived(sentMs, isWhole ? sizeBytes : 0, clock.monotonicMs());
    if (!isWhole || file.epoch !== epoch) {
      if (file.epoch === epoch) file.doubt(); // it has another size now, or cannot be read
      return null;
    }
    this.counts.bytesFetched += sizeBytes;
    for (let at = 0; at < count; at += 1) {
      const block = content.subarray(at * blockBytes, (at + 1) * blockBytes);
      this.memory.put(nameOf(of, first + at), of.file, block);
      if (isKept) this.store.keep(of, first + at, block);
    }
    return content;
  }
}

interface Found {
  readonly bytes: Promise<Uint8Array | null>;
  readonly tier: Tier;
}

const NOT_HERE = Promise.resolve(null);

function runOf(isMissing: readonly boolean[], from: number, max: number): number {
  let length = 0;
  while (length < max && isMissing[from + length] === true) length += 1;
  return length;
}

const nameOf = ({ file, version }: FileVersion, block: number) => `${file} ${version} ${block}`;
