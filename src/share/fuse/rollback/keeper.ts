import { asCausewayError, CausewayError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { BatchRecord, Seen, Taken } from '../../../cache/rollback/batch_records.ts';
import { isFolder } from '../../../cache/rollback/plan.ts';
import type { RollbackSeat } from '../../../world/mounts.ts';
import { O_PATH } from '../protocol.ts';
import { type BatchFolder, BatchStore, type LeftBatch } from './batch_store.ts';
import { O_RDONLY, type Places, type Spot } from './places.ts';
import { SavedRanges } from './saved_ranges.ts';
import { lastSeen, sealed, settled } from './sealing.ts';

/** Names of files that replace others, before they do. */
const HALF_PREFIX = '.causeway-wb-';
const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const BOOT_ID_BYTES = 36;

/** To be told what came of a change: 0 and more, or an error. */
export type Done = (result: number) => void;

interface OpenBatch {
  readonly folder: BatchFolder;
  readonly begin: BatchRecord;
  readonly startedMs: number;
  readonly isRollback: boolean;
  /** Files that it has changed, by their keys: as they are now. */
  readonly after: Map<string, Seen>;
  /** What it has made: nothing of that is kept. */
  readonly made: Set<string>;
  readonly saved: Map<string, SavedRanges>;
  /** Files that are to replace others. */
  readonly half: Set<string>;
  files: number;
  linkedBytes: number;
  keptNext: number;
}

interface Ended {
  readonly number: number;
  readonly atMs: number;
  readonly keptBytes: number;
}

const NOTHING: Done = () => undefined;

/**
 * Keeps what changes of a folder overwrite, remove or rename, in batches: each call is made before the change, and what it gives is
 * told what came of it. Where something cannot be kept the change is made all the same, and all batches so far are dropped, as none
 * could be reached any more; but in a rollback, which fails instead.
 */
export class BatchKeeper {
  readonly places: Places;
  readonly store: BatchStore;
  readonly #seat: RollbackSeat;
  readonly #clock: { readonly monotonicMs: () => number; readonly wallMs: () => number };
  readonly #boot: string;
  readonly #ended: Ended[] = [];
  #open: OpenBatch | null = null;
  #unfinished: LeftBatch | null = null;
  #next: number;
  #lastMs = 0;
  #gap: string | null = null;

  /** Ends what an earlier one has left open, but for a rollback. CW_DISK_*. */
  constructor(
    places: Places,
    seat: RollbackSeat,
    clock: { readonly monotonicMs: () => number; readonly wallMs: () => number },
  ) {
    this.places = places;
    this.#seat = seat;
    this.#clock = clock;
    this.store = new BatchStore(places, seat.share);
    this.#boot = bootIdOf(places);
    const numbers = this.store.numbers();
    this.#next = (numbers.at(-1) ?? 0) + 1;
    const known = new Set(this.store.summaries().map(({ number }) => number));
    for (const number of numbers) if (!known.has(number)) this.#endLeft(number);
    const ended = this.store.summaries();
    this.#ended.push(...ended.map(({ number, end }) => ({ number, ...end })));
    for (const { number, begin } of ended) {
      const { takes } = begin;
      if (takes !== undefined) this.drop(this.store.numbers().filter((one) => one >= takes && one < number));
    }
  }

  /** Where a batch is open: how long it has been quiet, or as long as it takes where it lasts too long. */
  get quietMs(): number | null {
    if (this.#open === null) return null;
    const nowMs = this.#clock.monotonicMs();
    const isLong =
      nowMs - this.#open.startedMs >= LIMITS.rollbackBatchMaxMs.value && this.#open.half.size === 0;
    return isLong ? LIMITS.rollbackPauseMs.value : nowMs - this.#lastMs;
  }

  /** Something of it is about to change: content, attributes, or what its names show of them. */
  touch(path: string | null, fd: number): Done {
    return this.#keeping((open) => {
      const seen = this.places.lookAt(fd);
      this.#image(path, seen);
      return (result) => {
        if (result >= 0) this.#written(open, path, fd);
      };
    });
  }

  /** As {@link touch}, and these bytes of it. */
  bytes(path: string | null, fd: number, from: number, to: number): Done {
    return this.#keeping((open) => {
      const seen = this.places.lookAt(fd);
      this.#image(path, seen);
      if (path !== null && !open.made.has(seen.key)) this.#save(open, path, fd, seen, from, to);
      return (result) => {
        if (result >= 0) this.#written(open, path, fd);
      };
    });
  }

  /** Something is about to get a name that nothing has; `spot` is where it will stand then. */
  making(path: string, spot: () => Spot): Done {
    return this.#keeping((open) => {
      if (this.places.look(spot()) !== null) return NOTHING; // it has the name already
      open.folder.append({ do: 'make', path });
      return (result) => {
        const seen = result < 0 ? null : this.places.look(spot());
        if (seen === null) return open.folder.append({ do: 'failed' });
        open.folder.append({ do: 'made', path, seen });
        if (isHalf(path)) open.half.add(seen.key);
        if (seen.links === 1 || isFolder(seen)) open.made.add(seen.key); // one that was kept may have other names
        open.files += 1;
        this.#changed(seen);
      };
    });
  }

  /** A further name of something that has one. */
  linking(path: string, spot: () => Spot): Done {
    return this.#keeping((open) => {
      if (this.places.look(spot()) !== null) return NOTHING;
      open.folder.append({ do: 'make', path });
      return (result) => {
        const seen = result < 0 ? null : this.places.look(spot());
        if (seen === null) return open.folder.append({ do: 'failed' });
        open.folder.append({ do: 'made', path, seen });
        open.files += 1;
        this.#changed(seen);
      };
    });
  }

  removing(path: string, spot: Spot): Done {
    return this.#keeping((open) => {
      const seen = this.places.look(spot);
      if (seen === null) return NOTHING;
      const taken = this.#taken(open, seen);
      open.folder.append({ do: 'remove', path, ...taken });
      this.#link(open, taken, spot);
      open.files += 1;
      return (result) => {
        if (result < 0) return this.#stays(open, path, taken);
        open.half.delete(seen.key);
        this.#gone(open, taken);
      };
    });
  }

  renaming(from: string, to: string, spot: Spot, target: Spot, isExchange: boolean): Done {
    return this.#keeping((open) => {
      const [seen, other] = [this.places.look(spot), this.places.look(target)];
      if (seen === null || seen.key === other?.key) return NOTHING;
      const replaced = isExchange || other === null ? null : this.#taken(open, other);
      if (isExchange && other !== null) open.folder.append({ do: 'exchange', from, to, seen, other });
      else open.folder.append({ do: 'rename', from, to, seen, replaced });
      if (replaced !== null) this.#link(open, replaced, target);
      open.files += 1;
      return (result) => {
        if (result < 0) return this.#stays(open, to, replaced);
        if (!isHalf(to)) open.half.delete(seen.key);
        if (replaced !== null) this.#gone(open, replaced);
        const now = this.places.lookUp(to);
        if (now !== null) this.#changed(now);
        const back = isExchange ? this.places.lookUp(from) : null;
        if (back !== null) this.#changed(back);
      };
    });
  }

  /** An extended attribute; its name as Latin-1. */
  value(path: string | null, fd: number, name: string, read: () => Uint8Array | null): Done {
    return this.#keeping((open) => {
      if (path === null) return NOTHING;
      const seen = this.places.lookAt(fd);
      const old = read();
      if (!open.made.has(seen.key))
        open.folder.append({
          do: 'value',
          path,
          seen,
          name,
          old: old === null ? null : Buffer.from(old).toString('base64'),
        });
      return (result) => {
        if (result >= 0) this.#changed(this.places.lookAt(fd));
        else if (!open.made.has(seen.key)) open.folder.append({ do: 'failed' });
      };
    });
  }

  /** Ends the batch that is open. */
  end(): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    try {
      const { after, begin, files, linkedBytes, folder } = open;
      const keptBytes = linkedBytes + folder.dataBytes;
      const atMs = this.#clock.wallMs();
      const end = { do: 'end' as const, atMs, after: [...after.values()], files, keptBytes };
      folder.append(end);
      folder.finish(begin, end);
      this.#ended.push({ number: folder.number, ...end });
    } catch (failure) {
      if (open.isRollback) throw failure;
      this.#lose(asCausewayError(failure).message);
    } finally {
      open.folder.close();
    }
  }

  /** Something was changed of which nothing could be kept. */
  missed(): void {
    this.#lose('a file could not be opened');
  }

  /** A rollback that has begun and not ended. */
  get unfinished(): LeftBatch | null {
    return this.#unfinished;
  }

  /** Begins, or goes on with, the batch of a rollback; to be called with how many of its steps are done. */
  rollback(to: number, takes: number): (count: number) => void {
    this.end();
    const left = this.#unfinished;
    const folder = left === null ? null : this.store.open(left.batch.number, left.logBytes);
    if (left === null || folder === null) this.#begin({ to, takes });
    else {
      const news = settled(this.places, left.batch);
      for (const record of news) folder.append(record);
      const batch = { ...left.batch, records: [...left.batch.records, ...news] };
      const open = openBatch(folder, left.batch.records[0] as BatchRecord, this.#clock.monotonicMs(), true);
      for (const seen of lastSeen(this.places, batch)) open.after.set(seen.key, seen);
      this.#open = open;
    }
    this.#unfinished = null;
    return (count) => this.#open?.folder.append({ do: 'step', count });
  }

  /** Of files that the batch has not changed: how those before it have left them. */
  inherit(last: readonly Seen[]): void {
    const after = this.#open?.after;
    for (const seen of last) if (after?.has(seen.key) === false) after.set(seen.key, seen);
  }

  /** These are of no use any more. */
  drop(numbers: readonly number[]): void {
    for (const number of numbers) {
      this.store.remove(number);
      const at = this.#ended.findIndex((one) => one.number === number);
      if (at >= 0) this.#ended.splice(at, 1);
    }
  }

  close(): void {
    this.end();
  }

  /** Drops the oldest batches that are too old, too many or too large together. */
  prune(): void {
    let keptBytes = 0;
    for (const one of this.#ended) keptBytes += one.keptBytes;
    for (const one of [...this.#ended]) {
      const isOld = one.atMs + this.#seat.keptMs <= this.#clock.wallMs();
      const isMuch = keptBytes > this.#seat.maxBytes || this.#ended.length >= LIMITS.rollbackBatchesMax.value;
      if (!isOld && !isMuch) return;
      this.drop([one.number]);
      keptBytes -= one.keptBytes;
    }
  }

  #keeping(work: (open: OpenBatch) => Done): Done {
    let open: OpenBatch | null = null;
    try {
      open = this.#open ?? this.#begin();
      const done = work(open);
      const isTooLarge = open.linkedBytes + open.folder.dataBytes > this.#seat.maxBytes;
      if (isTooLarge && !open.isRollback)
        throw new CausewayError('CW_DISK_FULL', 'one batch overwrote more than --rollback-size');
      return (result) => this.#told(open as OpenBatch, done, result);
    } catch (failure) {
      if (open?.isRollback === true || this.#isRollback) throw failure;
      this.#lose(asCausewayError(failure).message);
      return NOTHING;
    }
  }

  get #isRollback(): boolean {
    return this.#open?.isRollback === true;
  }

  #told(open: OpenBatch, done: Done, result: number): void {
    if (this.#open !== open) return; // it was dropped
    try {
      done(result);
      this.#lastMs = this.#clock.monotonicMs();
    } catch (failure) {
      if (open.isRollback) throw failure;
      this.#lose(asCausewayError(failure).message);
    }
  }

  #begin(rollback?: { readonly to: number; readonly takes: number }): OpenBatch {
    if (rollback === undefined) this.prune();
    const number = this.#next;
    this.#next += 1;
    if (this.#gap !== null) for (const one of this.store.numbers()) this.store.remove(one); // what could not be removed then
    const folder = this.store.begin(number);
    const begin: BatchRecord = {
      do: 'begin',
      number,
      atMs: this.#clock.wallMs(),
      from: this.#seat.from,
      boot: this.#boot,
      ...rollback,
      ...(this.#gap === null ? {} : { gap: this.#gap }),
    };
    folder.append(begin);
    this.#gap = null;
    this.#lastMs = this.#clock.monotonicMs();
    this.#open = openBatch(folder, begin, this.#lastMs, rollback !== undefined);
    return this.#open;
  }

  /** Nothing that was kept is of use any more. */
  #lose(reason: string): void {
    this.#open?.folder.close();
    this.#open = null;
    this.#gap = reason;
    this.#ended.length = 0;
    try {
      // the newest first: where a process ends here, no batch hides what is missing before it
      for (const number of this.store.numbers().reverse()) this.store.remove(number);
    } catch (failure) {
      asCausewayError(failure); // tried again before the next batch begins
    }
  }

  #image(path: string | null, seen: Seen): void {
    const open = this.#open;
    if (open === null || path === null || open.made.has(seen.key) || open.saved.has(seen.key)) return;
    const there = this.places.lookUp(path);
    if (there?.key !== seen.key) throw new CausewayError('CW_DISK_IO', `${path} was moved by others`);
    open.folder.append({ do: 'image', path, seen });
    open.saved.set(seen.key, new SavedRanges());
    open.files += 1;
  }

  #save(open: OpenBatch, path: string, fd: number, seen: Seen, from: number, to: number): void {
    const news = open.saved.get(seen.key)?.add(from, Math.min(to, seen.sizeBytes)) ?? [];
    if (news.length === 0) return;
    const { names, data } = this.places.posix;
    const readFd = this.places.checked(names.reopen(fd, O_RDONLY), 'read what is overwritten');
    try {
      for (const range of news) {
        const { dataAt, sizeBytes } = open.folder.keep(readFd, range.from, range.to - range.from);
        open.folder.append({ do: 'bytes', path, at: range.from, sizeBytes, dataAt });
      }
    } finally {
      data.close(readFd);
    }
  }

  /** What is about to lose its name, as it is noted before it gets a further one. */
  #taken(open: OpenBatch, seen: Seen): Taken {
    // what the batch has made itself too: names that were exchanged with it are undone with it in its place
    if (isFolder(seen)) return { seen, kept: null };
    const kept = `k${open.keptNext}`;
    open.keptNext += 1;
    return { seen, kept };
  }

  #link(open: OpenBatch, { seen, kept }: Taken, spot: Spot): void {
    if (kept === null) return;
    const { names, data } = this.places.posix;
    const fd = this.places.checked(names.open(spot.dirFd, spot.nameAt, O_PATH, 0), 'keep a file');
    try {
      const linked = names.link(fd, open.folder.fd, this.places.name(kept, 2));
      this.places.checked(linked, 'keep a file that is removed: its file system gives it no further name');
    } finally {
      data.close(fd);
    }
    open.linkedBytes += seen.sizeBytes;
  }

  /** It has its name still. */
  #stays(open: OpenBatch, path: string, taken: Taken | null): void {
    open.folder.append({ do: 'failed' });
    if (!taken?.kept) return;
    open.linkedBytes -= taken.seen.sizeBytes;
    const { moves } = this.places.posix;
    this.places.checked(
      moves.unlink(open.folder.fd, this.places.name(taken.kept, 2)),
      'remove what was kept',
    );
    const there = this.places.lookUp(path);
    if (there === null) return;
    open.folder.append({ do: 'left', seen: there }); // that it had a further name shows
    this.#changed(there);
  }

  /** It may have other names, which show that it lost one. */
  #gone(open: OpenBatch, { seen, kept }: Taken): void {
    if (seen.links <= 1) open.after.delete(seen.key);
    const there =
      kept === null ? null : this.places.look({ dirFd: open.folder.fd, nameAt: this.places.name(kept, 2) });
    if (there !== null) this.#changed(there);
  }

  /**
   * What lost its name and is written to by who has it open is kept with that: its time tells, and it is not given back as what it was
   * before.
   */
  #written(open: OpenBatch, path: string | null, fd: number): void {
    const seen = this.places.lookAt(fd);
    if (path !== null || open.made.has(seen.key)) this.#changed(seen);
  }

  #changed(seen: Seen): void {
    if (!isFolder(seen)) this.#open?.after.set(seen.key, seen);
  }

  #endLeft(number: number): void {
    const left = this.store.read(number);
    const begin = left?.batch.records[0];
    if (left === null || begin?.do !== 'begin') return this.store.remove(number); // begun, and never used
    const { batch, logBytes } = left;
    const last = batch.records.at(-1);
    if (begin.to !== undefined && last?.do !== 'end') {
      this.#unfinished = left;
      return;
    }
    const folder = this.store.open(number, logBytes);
    if (folder === null) return;
    try {
      const news =
        last?.do === 'end' ? [] : sealed(this.places, batch, begin.boot !== this.#boot, this.#clock.wallMs());
      for (const record of news) folder.append(record);
      const end = last?.do === 'end' ? last : news.at(-1);
      if (end?.do !== 'end') return;
      folder.finish(begin, end);
    } finally {
      folder.close();
    }
  }
}

function openBatch(
  folder: BatchFolder,
  begin: BatchRecord,
  startedMs: number,
  isRollback: boolean,
): OpenBatch {
  return {
    folder,
    begin,
    startedMs,
    isRollback,
    after: new Map(),
    made: new Set(),
    saved: new Map(),
    half: new Set(),
    files: 0,
    linkedBytes: 0,
    keptNext: folder.keptNext, // one that goes on has some already
  };
}

function isHalf(path: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith(HALF_PREFIX);
}

/** Another one after each start of the system; empty where it is not told. */
function bootIdOf(places: Places): string {
  const { names, data, memory } = places.posix;
  const fd = names.openPath(BOOT_ID, O_RDONLY);
  if (fd < 0) return '';
  const at = places.name('');
  const count = data.read(fd, at, BOOT_ID_BYTES, 0n);
  data.close(fd);
  return count < 0 ? '' : memory.bytes.toString('latin1', at, at + count);
}
