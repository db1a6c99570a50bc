// A folder that random changes go through is returned to each earlier state, also where the process ends at any call. SEED=N repeats one run,
// ROLLBACK_RUNS=N makes N of them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { createPosix } from '../../../world/node/posix_calls.ts';
import type { Posix } from '../../../world/posix.ts';
import { O_CREAT, O_EXCL, O_PATH } from '../protocol.ts';
import { PLACE } from '../state.ts';
import { BatchKeeper } from './keeper.ts';
import { O_RDWR, Places } from './places.ts';
import { Rewind } from './rewind.ts';
import { SavedRanges } from './saved_ranges.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUNS = process.env['SEED'] === undefined ? Number(process.env['ROLLBACK_RUNS'] ?? 8) : 1;
const SEAT = { share: 'data', from: 'vm:/place', keptMs: 3_600_000, maxBytes: 2 ** 30 };
const NAMES = ['a', 'b', 'c', 'd'];
const EXCHANGE = 2;
const skip = process.platform === 'linux' ? false : 'needs Linux';

/** Numbers from a seed (mulberry32). */
function chance(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

class Killed extends Error {}

/** The same calls, of which the one of that number and all later ones end the process, as it were. */
function mortal(posix: Posix, calls: { left: number }): Posix {
  const guard = <T extends object>(group: T): T =>
    new Proxy(group, {
      get: (target, key) => {
        const value = Reflect.get(target, key) as unknown;
        if (typeof value !== 'function' || key === 'close') return value;
        return (...args: unknown[]) => {
          calls.left -= 1;
          if (calls.left < 0) throw new Killed();
          return (value as (...all: unknown[]) => unknown)(...args);
        };
      },
    });
  return {
    ...posix,
    moves: guard(posix.moves),
    attrs: guard(posix.attrs),
    data: guard(posix.data),
    names: guard(posix.names),
  };
}

/** Everything below a folder but what is kept: names, kinds, modes, content, times of files. */
function snapshot(folder: string): string[] {
  const names = (fs.readdirSync(folder, { recursive: true }) as string[]).filter(
    (name) => !name.startsWith('.causeway'),
  );
  return names.sort().map((name) => {
    const at = path.join(folder, name);
    const stat = fs.lstatSync(at, { bigint: true });
    const mode = stat.mode.toString(8);
    if (stat.isSymbolicLink()) return `${name} -> ${fs.readlinkSync(at)}`;
    if (stat.isDirectory()) return `${name}/ ${mode}`;
    return `${name} ${mode} ${stat.mtimeNs} ${fs.readFileSync(at).toString('base64')}`;
  });
}

/** What a mount does to a folder, as its server does it. */
class Guest {
  readonly keeper: BatchKeeper;
  readonly #places: Places;

  constructor(keeper: BatchKeeper) {
    this.keeper = keeper;
    this.#places = keeper.places;
  }

  make(at: string, kind: 'file' | 'folder' | 'symlink'): void {
    const { names, data } = this.#places.posix;
    this.#places.at(at, (dirFd, name) => {
      const done = this.keeper.making(at, () => ({ dirFd, nameAt: this.#places.name(name) }));
      let result: number;
      if (kind === 'file') {
        result = names.open(dirFd, this.#places.name(name), O_RDWR | O_CREAT | O_EXCL, 0o644);
        if (result >= 0) data.close(result);
      } else if (kind === 'folder') result = names.makeDir(dirFd, this.#places.name(name), 0o755);
      else result = names.makeSymlink(this.#places.name('somewhere', 1), dirFd, this.#places.name(name));
      done(result);
    });
  }

  link(at: string, to: string): void {
    const { names } = this.#places.posix;
    this.#open(at, (fd) => {
      this.#places.at(to, (dirFd, name) => {
        const done = this.keeper.linking(to, () => ({ dirFd, nameAt: this.#places.name(name) }));
        done(names.link(fd, dirFd, this.#places.name(name)));
      });
    });
  }

  write(at: string, offset: number, bytes: Uint8Array): void {
    this.#open(at, (fd) => {
      const done = this.keeper.bytes(at, fd, offset, offset + bytes.byteLength);
      this.#places.posix.memory.bytes.set(bytes, PLACE.request);
      done(this.#places.posix.data.write(fd, PLACE.request, bytes.byteLength, BigInt(offset)));
    });
  }

  truncate(at: string, sizeBytes: number): void {
    this.#open(at, (fd) => {
      const done = this.keeper.bytes(at, fd, sizeBytes, Number.POSITIVE_INFINITY);
      done(this.#places.posix.attrs.truncate(fd, BigInt(sizeBytes)));
    });
  }

  chmod(at: string, mode: number): void {
    this.#open(at, (fd) => this.keeper.touch(at, fd)(this.#places.posix.attrs.chmod(fd, mode)));
  }

  remove(at: string): void {
    const { moves } = this.#places.posix;
    this.#places.at(at, (dirFd, name) => {
      const spot = { dirFd, nameAt: this.#places.name(name) };
      const isFolder = (this.#places.look(spot)?.mode ?? 0) >> 12 === 4;
      const done = this.keeper.removing(at, { dirFd, nameAt: this.#places.name(name) });
      const nameAt = this.#places.name(name);
      done(isFolder ? moves.removeDir(dirFd, nameAt) : moves.unlink(dirFd, nameAt));
    });
  }

  rename(from: string, to: string, flags: number): void {
    this.#places.at(from, (fd, name) =>
      this.#places.at(to, (toFd, toName) => {
        const put = () => [this.#places.name(name), this.#places.name(toName, 1)] as const;
        const [nameAt, toAt] = put();
        const done = this.keeper.renaming(
          from,
          to,
          { dirFd: fd, nameAt },
          { dirFd: toFd, nameAt: toAt },
          flags === EXCHANGE,
        );
        put();
        done(this.#places.posix.moves.rename(fd, nameAt, toFd, toAt, flags));
      }),
    );
  }

  #open(at: string, call: (fd: number) => void): void {
    const { names, data } = this.#places.posix;
    this.#places.at(at, (dirFd, name) => {
      const fd = names.open(dirFd, this.#places.name(name), O_RDWR, 0);
      if (fd < 0) return;
      try {
        call(fd);
      } finally {
        data.close(fd);
      }
    });
  }

  /** Something at random; much of it is refused, as programs have it. */
  act(random: (below: number) => number): void {
    const one = () => {
      const depth = random(3);
      return Array.from({ length: depth + 1 }, () => NAMES[random(NAMES.length)]).join('/');
    };
    const bytes = () => Buffer.alloc(random(300) + 1, random(256));
    const acts = [
      () => this.make(one(), 'file'),
      () => this.make(one(), 'file'),
      () => this.make(one(), 'folder'),
      () => this.make(one(), 'folder'),
      () => this.make(one(), 'symlink'),
      () => this.write(one(), random(500), bytes()),
      () => this.write(one(), random(500), bytes()),
      () => this.write(one(), random(500), bytes()),
      () => this.truncate(one(), random(400)),
      () => this.chmod(one(), 0o600 + random(0o77)),
      () => this.remove(one()),
      () => this.remove(one()),
      () => this.rename(one(), one(), 0),
      () => this.rename(one(), one(), 0),
      () => this.rename(one(), one(), EXCHANGE),
      () => this.link(one(), one()),
    ];
    acts[random(acts.length)]?.();
  }
}

describe('a folder that is returned to an earlier state', { skip }, () => {
  let posix: Posix;
  let folder = '';
  let nowMs = 1_000;
  const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs };
  before(() => {
    posix = createPosix(PLACE.memoryBytes);
  });
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-rollback-'));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));
  const keeperOf = (calls: Posix = posix, seat: typeof SEAT = SEAT) =>
    new BatchKeeper(new Places(calls, posix.names.openPath(folder, O_PATH)), seat, clock);
  const ended = (keeper: BatchKeeper) => keeper.store.summaries().map(({ number }) => number);

  it('is byte for byte what it was before any batch, and after the rollback was taken back', () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
      const random = chance(seed);
      fs.rmSync(folder, { recursive: true });
      fs.mkdirSync(folder);
      const guest = new Guest(keeperOf());
      const states = new Map<number, string[]>();
      for (let batch = 0; batch < 4; batch += 1) {
        const state = snapshot(folder);
        for (let act = 0; act < 25; act += 1) guest.act(random);
        guest.keeper.end();
        const number = ended(guest.keeper).at(-1);
        if (number !== undefined && !states.has(number)) states.set(number, state);
      }
      const numbers = [...states.keys()];
      const to = numbers[random(numbers.length)] as number;
      const last = snapshot(folder);
      const rewind = new Rewind(guest.keeper);
      const where = `SEED=${seed}, to ${to} of ${numbers}`;
      rewind.to(to);
      assert.deepEqual(snapshot(folder), states.get(to), where);
      const [older] = numbers;
      if (older !== undefined && older < to && random(2) === 0) {
        rewind.to(older);
        assert.deepEqual(snapshot(folder), states.get(older), `${where}, then to ${older}`);
      } else {
        rewind.to(ended(guest.keeper).at(-1) as number);
        assert.deepEqual(snapshot(folder), last, `${where}, and back`);
      }
      guest.keeper.close();
    }
  });

  it('goes on after a kill at any call, in a batch or in a rollback', () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
      const random = chance(seed);
      fs.rmSync(folder, { recursive: true });
      fs.mkdirSync(folder);
      const before = new Guest(keeperOf());
      for (let act = 0; act < 30; act += 1) before.act(random);
      before.keeper.close();
      const state = snapshot(folder);
      const calls = { left: 100 + random(600) };
      let killed: Guest | null = null;
      try {
        killed = new Guest(keeperOf(mortal(posix, calls)));
        for (let act = 0; act < 30; act += 1) killed.act(random);
        calls.left = Number.POSITIVE_INFINITY;
        killed.keeper.end();
      } catch (failure) {
        if (!(failure instanceof Killed)) throw failure;
      }
      let keeper = keeperOf();
      const to = ended(keeper)[1];
      const where = `SEED=${seed}`;
      if (to === undefined) continue; // it was killed before its first change
      const last = snapshot(folder);
      for (let kills = 0; ; kills += 1) {
        const left = { left: kills === 4 ? Number.POSITIVE_INFINITY : random(300) };
        try {
          keeper = keeperOf(mortal(posix, left));
          const rewind = new Rewind(keeper);
          const isBegun = keeper.unfinished !== null || !ended(keeper).includes(to);
          rewind.finish();
          if (!isBegun) rewind.to(to);
          break;
        } catch (failure) {
          if (!(failure instanceof Killed)) throw failure;
        }
      }
      assert.deepEqual(snapshot(folder), state, where);
      keeper = keeperOf();
      const numbers = ended(keeper);
      assert.ok(!numbers.includes(to), where);
      new Rewind(keeper).to(numbers.at(-1) as number);
      assert.deepEqual(snapshot(folder), last, `${where}, and back`);
      keeper.close();
    }
  });

  it('is refused where others have changed the same since, and names it', () => {
    const guest = new Guest(keeperOf());
    guest.make('a', 'file');
    guest.make('b', 'folder');
    guest.keeper.end();
    guest.write('a', 0, Buffer.from('guest'));
    guest.keeper.end();
    fs.writeFileSync(path.join(folder, 'a'), 'host');
    fs.writeFileSync(path.join(folder, 'b/of-host'), '');
    const [first, second] = ended(guest.keeper);
    const rewind = new Rewind(guest.keeper);
    const refused = (paths: string) => ({ code: 'CW_ROLLBACK_CONFLICT', message: new RegExp(`: ${paths}$`) });
    assert.throws(() => rewind.to(second as number), refused('a'));
    assert.throws(() => rewind.to(first as number), refused('a, b/of-host'));
    assert.equal(fs.readFileSync(path.join(folder, 'a'), 'utf8'), 'host');
    assert.throws(() => rewind.to(77), { code: 'CW_ROLLBACK_UNKNOWN' });
    guest.write('a', 0, Buffer.from('again'));
    guest.keeper.end();
    assert.throws(() => rewind.to(second as number), refused('a')); // between two batches
    rewind.to(ended(guest.keeper).at(-1) as number);
    assert.equal(fs.readFileSync(path.join(folder, 'a'), 'utf8'), 'host');
    guest.keeper.close();
  });

  it('does not give back as it was what somebody wrote to who had it open when it was removed', () => {
    const guest = new Guest(keeperOf());
    const write = (at: string) => {
      const file = fs.openSync(path.join(folder, at), 'r+');
      guest.remove(at);
      const done = guest.keeper.bytes(null, file, 0, 4);
      fs.writeSync(file, 'late', 0);
      fs.futimesSync(file, 1, 2); // whatever the clock of the file system
      done(4);
      fs.closeSync(file);
      guest.keeper.end();
    };
    guest.make('a', 'file');
    guest.keeper.end();
    guest.make('b', 'file');
    write('b'); // its own
    write('a');
    const [, own, late] = ended(guest.keeper);
    const rewind = new Rewind(guest.keeper);
    assert.throws(() => rewind.to(late as number), { code: 'CW_ROLLBACK_CONFLICT', message: /: a$/ });
    assert.throws(() => rewind.to(own as number), { code: 'CW_ROLLBACK_CONFLICT', message: /: a$/ });
    assert.equal(fs.existsSync(path.join(folder, 'a')), false);
    guest.keeper.close();
  });

  it('keeps no more than it may, for no longer than it may, and says what cannot be reached', () => {
    const guest = new Guest(keeperOf(posix, { ...SEAT, keptMs: 10_000, maxBytes: 10_000 }));
    const overwrite = (sizeBytes: number) => {
      guest.truncate('a', 0);
      guest.write('a', 0, Buffer.alloc(sizeBytes, 1));
      guest.keeper.end();
    };
    guest.make('a', 'file');
    guest.keeper.end();
    for (let batch = 0; batch < 6; batch += 1) overwrite(4_000);
    assert.deepEqual(ended(guest.keeper), [5, 6, 7]);
    nowMs += 20_000;
    overwrite(20_000);
    assert.deepEqual(ended(guest.keeper), [8]);
    overwrite(1);
    const [left] = guest.keeper.store.summaries();
    assert.match(left?.begin.gap ?? '', /--rollback-size/);
    new Rewind(guest.keeper).to(left?.number ?? 0);
    assert.equal(fs.statSync(path.join(folder, 'a')).size, 0); // from where it could be kept again
    guest.keeper.close();
  });
});

describe('ranges that are known', () => {
  it('gives each byte once', () => {
    const random = chance(7);
    for (let round = 0; round < 50; round += 1) {
      const ranges = new SavedRanges();
      const seen = new Set<number>();
      const wanted = new Set<number>();
      for (let one = 0; one < 20; one += 1) {
        const from = random(60);
        const to = from + random(12);
        for (let at = from; at < to; at += 1) wanted.add(at);
        for (const range of ranges.add(from, to))
          for (let at = range.from; at < range.to; at += 1) {
            assert.ok(!seen.has(at));
            seen.add(at);
          }
      }
      assert.deepEqual(seen, wanted);
    }
  });
});
