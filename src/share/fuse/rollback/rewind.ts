import { asCausewayError, CausewayError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { BatchRecord, Seen, Taken } from '../../../cache/rollback/batch_records.ts';
import {
  type Batch,
  doneCount,
  isFolder,
  isSameContent,
  isSameSeen,
  planRollback,
  type RollbackPlan,
  type UndoStep,
} from '../../../cache/rollback/plan.ts';
import { KIND_FILE, KIND_LINK, KIND_MASK, O_PATH } from '../protocol.ts';
import { PLACE } from '../state.ts';
import type { BatchFolder } from './batch_store.ts';
import type { BatchKeeper, Done } from './keeper.ts';
import { O_RDWR } from './places.ts';

const NOREPLACE = 1;
const EXCHANGE = 2;
const NS_PER_S = 1_000_000_000n;
const UTIME_OMIT = (1n << 30n) - 2n;

/**
 * Returns a folder to what it was before a batch. Each step is kept in a batch of its own, so that it can be undone, and can be told
 * to be done already, where a process ended after it and before that was noted.
 */
export class Rewind {
  readonly #keeper: BatchKeeper;
  #from: BatchFolder | null = null;

  constructor(keeper: BatchKeeper) {
    this.#keeper = keeper;
  }

  /** What an earlier process has not ended. CW_DISK_*: it can go on later. */
  finish(): void {
    const left = this.#keeper.unfinished;
    const begin = left?.batch.records[0];
    if (left === null || begin?.do !== 'begin' || begin.to === undefined) return;
    const plan = planRollback(
      this.#batches().filter(({ number }) => number < left.batch.number),
      begin.to,
    );
    try {
      this.#run(plan, begin.to, doneCount(left.batch.records));
    } catch (failure) {
      const { code, message } = asCausewayError(failure);
      throw new CausewayError(
        code,
        `a rollback to before batch ${begin.to} was begun and cannot go on: ${message}; it is tried again at the next attempt, and \`causeway share set NAME --rollback none\` gives it up as it is`,
        { cause: failure },
      );
    }
  }

  /**
   * CW_ROLLBACK_UNKNOWN where there is no such batch; CW_ROLLBACK_CONFLICT where others have changed the same since, and nothing was done; CW_DISK_*
   * in the middle: it goes on at the next start.
   */
  to(number: number): void {
    this.finish();
    this.#keeper.end();
    const batches = this.#batches();
    if (!batches.some((one) => one.number === number))
      throw new CausewayError('CW_ROLLBACK_UNKNOWN', `there is no batch ${number}`);
    const cut = batches.find(({ number: one, records }) => one >= number && isCut(records));
    if (cut !== undefined)
      throw new CausewayError(
        'CW_ROLLBACK_CONFLICT',
        `this host was restarted in the middle of batch ${cut.number}: what it overwrote is not known for sure, so that only later ones can be taken back`,
      );
    const plan = planRollback(batches, number);
    const conflicts = this.#conflicts(plan);
    if (conflicts.length > 0) throw refused(conflicts);
    this.#run(plan, number, 0);
  }

  #batches(): Batch[] {
    const { store } = this.#keeper;
    return store.numbers().flatMap((number) => store.read(number)?.batch ?? []);
  }

  #run({ steps, consumed, last }: RollbackPlan, to: number, done: number): void {
    const note = this.#keeper.rollback(to, Math.min(...consumed));
    for (const [index, step] of steps.entries()) {
      if (index < done) continue;
      this.#undo(step);
      note(index + 1);
    }
    this.#closeFrom();
    this.#keeper.inherit(last);
    this.#keeper.end();
    this.#keeper.drop([...consumed].reverse());
  }

  /** Paths of which something else stands there than batches have left. */
  #conflicts(plan: RollbackPlan): string[] {
    const { places, store } = this.#keeper;
    const found = new Set(plan.conflicts);
    for (const { path, seen } of plan.expected) {
      const there = places.lookUp(path);
      const isSame = seen === null || there === null ? seen === there : isSameSeen(seen, there);
      if (!isSame) found.add(path);
      else if (seen === null && !this.#hasFolder(path, plan)) found.add(path);
    }
    for (const { path, names } of plan.folders) {
      const fd = places.openFolder(path.split('/'));
      if (fd === null) continue; // told above
      for (const name of places.list(fd)) if (!names.has(name)) found.add(`${path}/${name}`);
      places.posix.data.close(fd);
    }
    for (const { batch, kept, seen, path } of plan.kept) {
      if (!plan.steps.some((step) => step.batch === batch)) continue;
      const folder = store.open(batch, 0);
      const there = folder === null ? null : places.look({ dirFd: folder.fd, nameAt: places.name(kept) });
      folder?.close();
      if (there === null || there.key !== seen.key || !isSameContent(there, seen)) found.add(path);
    }
    return [...found].sort();
  }

  /** Whether what is to stand there again has a folder, or gets it back. */
  #hasFolder(path: string, { expected }: RollbackPlan): boolean {
    const cut = path.lastIndexOf('/');
    if (cut < 0) return true;
    const parent = path.slice(0, cut);
    return expected.some((one) => one.path === parent) || this.#keeper.places.lookUp(parent) !== null;
  }

  #undo({ batch, record }: UndoStep): void {
    if (this.#from?.number !== batch) {
      this.#closeFrom();
      this.#from = this.#keeper.store.open(batch, 0);
    }
    switch (record.do) {
      case 'image':
        return this.#image(record.path, record.seen);
      case 'bytes':
        return this.#bytes(record);
      case 'made':
        return this.#unmake(record.path, record.seen);
      case 'remove':
        return this.#restore(record.path, record);
      case 'rename':
        return this.#renameBack(record);
      case 'exchange':
        return this.#exchangeBack(record);
      case 'value':
        return this.#value(record);
      default:
        return;
    }
  }

  #closeFrom(): void {
    this.#from?.close();
    this.#from = null;
  }

  #image(path: string, seen: Seen): void {
    this.#opened(path, seen, (fd) => {
      const { posix } = this.#keeper.places;
      const there = this.#keeper.places.lookAt(fd);
      if (isFile(seen) && there.sizeBytes !== seen.sizeBytes)
        this.#does(this.#keeper.bytes(path, fd, seen.sizeBytes, there.sizeBytes), () =>
          posix.attrs.truncate(fd, BigInt(seen.sizeBytes)),
        );
      this.#attrs(path, fd, seen);
    });
  }

  #attrs(path: string, fd: number, seen: Seen): void {
    const { places } = this.#keeper;
    const { attrs } = places.posix;
    const there = places.lookAt(fd);
    if (there.userId !== seen.userId || there.groupId !== seen.groupId)
      this.#does(this.#keeper.touch(path, fd), () => attrs.chown(fd, seen.userId, seen.groupId));
    if (!isLink(seen) && places.lookAt(fd).mode !== seen.mode)
      this.#does(this.#keeper.touch(path, fd), () => attrs.chmod(fd, seen.mode & 0o7777));
    if (places.lookAt(fd).mtimeNs === seen.mtimeNs) return;
    this.#does(this.#keeper.touch(path, fd), () => attrs.setTimes(fd, this.#putTimes(BigInt(seen.mtimeNs))));
  }

  #bytes({ path, at, sizeBytes, dataAt }: Extract<BatchRecord, { do: 'bytes' }>): void {
    this.#opened(path, null, (fd) =>
      this.#does(this.#keeper.bytes(path, fd, at, at + sizeBytes), () => {
        this.#from?.giveBack(fd, at, dataAt, sizeBytes);
        return 0;
      }),
    );
  }

  #unmake(path: string, seen: Seen): void {
    const { places } = this.#keeper;
    places.at(path, (dirFd, name) => {
      const there = places.look({ dirFd, nameAt: places.name(name) });
      if (there === null || (!isFolder(seen) && there.key !== seen.key)) return; // it is done
      const spot = { dirFd, nameAt: places.name(name) };
      const { moves } = places.posix;
      this.#does(this.#keeper.removing(path, spot), () =>
        isFolder(there) ? moves.removeDir(dirFd, spot.nameAt) : moves.unlink(dirFd, spot.nameAt),
      );
    });
  }

  /** Gives something its name again. */
  #restore(path: string, { seen, kept }: Taken): void {
    const { places } = this.#keeper;
    places.at(path, (dirFd, name) => {
      const spot = () => ({ dirFd, nameAt: places.name(name) });
      if (places.look(spot()) !== null) return; // it is done
      const { names, moves } = places.posix;
      const from = this.#from;
      if (isFolder(seen)) {
        this.#does(this.#keeper.making(path, spot), () =>
          names.makeDir(dirFd, places.name(name), seen.mode & 0o7777),
        );
        this.#opened(path, null, (fd) => this.#attrs(path, fd, seen));
      } else if (kept !== null && from !== null && this.#isKept(from, kept))
        this.#does(this.#keeper.making(path, spot), () =>
          moves.rename(from.fd, places.name(kept, 1), dirFd, places.name(name), NOREPLACE),
        );
    });
  }

  #renameBack({ from, to, seen, replaced }: Extract<BatchRecord, { do: 'rename' }>): void {
    const { places } = this.#keeper;
    const isRestored = replaced !== null && replaced.kept !== null && !this.#isKeptNow(replaced.kept);
    if (isRestored) return; // both parts are done
    const [source, there] = [places.lookUp(from), places.lookUp(to)];
    if (source === null && there !== null && (isFolder(seen) || there.key === seen.key))
      this.#move(to, from, NOREPLACE);
    if (replaced !== null) this.#restore(to, replaced);
  }

  #exchangeBack({ from, to, seen, other }: Extract<BatchRecord, { do: 'exchange' }>): void {
    const { places } = this.#keeper;
    const [first, second] = [places.lookUp(from), places.lookUp(to)];
    if (first === null || second === null) return;
    const isBack = first.key === seen.key || second.key === other.key;
    if (!isBack) this.#move(from, to, EXCHANGE);
  }

  #move(from: string, to: string, flags: number): void {
    const { places } = this.#keeper;
    places.at(from, (fd, name) =>
      places.at(to, (toFd, toName) => {
        const spot = { dirFd: fd, nameAt: places.name(name) };
        const target = { dirFd: toFd, nameAt: places.name(toName, 1) };
        const { rename } = places.posix.moves;
        this.#does(this.#keeper.renaming(from, to, spot, target, flags === EXCHANGE), () =>
          rename(fd, spot.nameAt, toFd, target.nameAt, flags),
        );
      }),
    );
  }

  #value({ path, seen, name, old }: Extract<BatchRecord, { do: 'value' }>): void {
    const { places } = this.#keeper;
    this.#opened(path, seen, (fd) => {
      const { xattrs, memory } = places.posix;
      const read = () => {
        const count = xattrs.get(fd, places.name(name), PLACE.list, PLACE.listBytes);
        return count < 0 ? null : Buffer.from(memory.bytes.subarray(PLACE.list, PLACE.list + count));
      };
      const now = read();
      const wanted = old === null ? null : Buffer.from(old, 'base64');
      if (now === null ? wanted === null : wanted !== null && now.equals(wanted)) return;
      this.#does(
        this.#keeper.value(path, fd, name, () => now),
        () => {
          const nameAt = places.name(name);
          if (wanted === null) return xattrs.remove(fd, nameAt);
          memory.bytes.set(wanted, PLACE.list);
          return xattrs.set(fd, nameAt, PLACE.list, wanted.byteLength, 0);
        },
      );
    });
  }

  /** Runs a call with a file open, to write where that is possible. What is not there was undone before. */
  #opened(path: string, seen: Seen | null, call: (fd: number) => void): void {
    const { places } = this.#keeper;
    const run = (dirFd: number, nameAt: number) => {
      const there = places.look({ dirFd, nameAt });
      if (there === null || (seen !== null && !isFolder(seen) && there.key !== seen.key)) return;
      const { names, data } = places.posix;
      const flags = isFile(there) ? O_RDWR : O_PATH;
      const fd = places.checked(names.open(dirFd, nameAt, flags, 0), `open ${path}`);
      try {
        call(fd);
      } finally {
        data.close(fd);
      }
    };
    if (path === '') call(places.rootFd);
    else places.at(path, (dirFd, name) => run(dirFd, places.name(name)));
  }

  /** Makes a change, and tells the keeper. CW_DISK_* where it cannot be made. */
  #does(done: Done, change: () => number): void {
    const result = change();
    done(result);
    this.#keeper.places.checked(result, 'return a file to what it was');
  }

  #isKeptNow(kept: string): boolean {
    return this.#from !== null && this.#isKept(this.#from, kept);
  }

  #isKept(from: BatchFolder, kept: string): boolean {
    const { places } = this.#keeper;
    return places.look({ dirFd: from.fd, nameAt: places.name(kept, 1) }) !== null;
  }

  #putTimes(mtimeNs: bigint): number {
    const { view } = this.#keeper.places.posix.memory;
    view.setBigInt64(PLACE.list, 0n, true);
    view.setBigInt64(PLACE.list + 8, UTIME_OMIT, true);
    view.setBigInt64(PLACE.list + 16, mtimeNs / NS_PER_S, true);
    view.setBigInt64(PLACE.list + 24, mtimeNs % NS_PER_S, true);
    return PLACE.list;
  }
}

const isFile = ({ mode }: Seen) => (mode & KIND_MASK) === KIND_FILE;
const isLink = ({ mode }: Seen) => (mode & KIND_MASK) === KIND_LINK;

function isCut(records: readonly BatchRecord[]): boolean {
  const end = records.at(-1);
  return end?.do === 'end' && end.isCut === true;
}

/** Names as people read them. */
function refused(conflicts: readonly string[]): CausewayError {
  const told = conflicts
    .slice(0, LIMITS.rollbackToldMax.value)
    .map((path) => Buffer.from(path, 'latin1').toString());
  const more = conflicts.length - told.length;
  return new CausewayError(
    'CW_ROLLBACK_CONFLICT',
    `nothing was taken back: changed by others since: ${told.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
  );
}
