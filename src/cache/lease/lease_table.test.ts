// The table of leases against its rules, whatever happens in whatever order. SEED=N repeats one run.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../base/limits.ts';
import { HeldLeases } from './held_leases.ts';
import { LEASE } from './lease_kinds.ts';
import { type LeaseEffect, LeaseTable } from './lease_table.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const BREAK_MS = LIMITS.leaseBreakMs.value;
const TERM_MS = LIMITS.leaseTermMs.value;
const { read, write, handle, all } = LEASE;

const kinds = (effects: readonly LeaseEffect[]) => effects.map(({ kind }) => kind).join();

describe('leases on files', () => {
  it('are given to many who read, and to one who writes', () => {
    const table = new LeaseTable();
    assert.equal(table.ask('a', 'f', all, false).kinds, all);
    assert.equal(table.ask('b', 'f', read, false).kinds, 0, 'somebody may have written what is not here yet');
    assert.equal(table.ask('a', 'g', read | handle, false).kinds, read | handle);
    assert.equal(table.ask('b', 'g', all, false).kinds, read | handle);
    assert.equal(table.ask('a', 'g', write, false).kinds, read | handle, 'what it has');
    assert.equal(table.ask('a', 'h', read, true).kinds, 0, 'somebody writes it');
    assert.equal(table.ask('a', 'h', handle, false).kinds, 0, 'which is nothing without another');
  });

  it('are broken by who writes, who goes on once all have let go', () => {
    const table = new LeaseTable();
    const a = table.ask('a', 'f', read, false);
    const b = table.ask('b', 'f', read, false);
    assert.ok(b.epoch > a.epoch);
    const claim = { id: '1', holder: 'b', files: ['f'], isWrite: true };
    assert.deepEqual(table.claim(claim, 0), [
      { kind: 'break', holder: 'a', file: 'f', epoch: a.epoch, kept: 0 },
    ]);
    assert.equal(table.ask('c', 'f', read, false).kinds, 0, 'nobody gets one meanwhile');
    assert.deepEqual(table.acknowledged('a', 'f', a.epoch + 7, 0), [], 'another lease');
    assert.deepEqual(table.acknowledged('a', 'f', a.epoch, 0), [{ kind: 'go', claim: '1' }]);
    assert.equal(table.kindsOf('b', 'f'), read, 'its own stays');
    assert.equal(table.ask('c', 'f', read, false).kinds, 0, 'nor while it is being done');
    table.settled('1');
    assert.equal(table.ask('c', 'f', read, false).kinds, read);
  });

  it('of who writes become such of who reads when another one reads', () => {
    const table = new LeaseTable();
    const a = table.ask('a', 'f', all, false);
    const reads = { id: 'r', holder: 'b', files: ['f'], isWrite: false };
    assert.deepEqual(table.claim(reads, 0), [
      { kind: 'break', holder: 'a', file: 'f', epoch: a.epoch, kept: read | handle },
    ]);
    const writes = { id: 'w', holder: 'b', files: null, isWrite: true };
    assert.equal(kinds(table.claim(writes, 5)), 'break', 'and is to let go of more before it has');
    assert.deepEqual(table.acknowledged('a', 'f', a.epoch, read | handle), [{ kind: 'go', claim: 'r' }]);
    assert.deepEqual(table.acknowledged('a', 'f', a.epoch, 0), [{ kind: 'go', claim: 'w' }]);
  });

  it('of a holder that does not answer end after the time for it, and of one that is gone at once', () => {
    const table = new LeaseTable();
    const a = table.ask('a', 'f', read, false);
    table.ask('b', 'f', read, false);
    table.claim({ id: '1', holder: 'c', files: ['f'], isWrite: true }, 100);
    assert.equal(table.deadlineMs, 100 + BREAK_MS);
    assert.deepEqual(table.gone('b'), []);
    assert.deepEqual(table.tick(99 + BREAK_MS), []);
    assert.deepEqual(table.tick(100 + BREAK_MS), [
      { kind: 'fenced', holder: 'a', file: 'f', epoch: a.epoch },
      { kind: 'go', claim: '1' },
    ]);
    assert.equal(table.deadlineMs, null);
    assert.deepEqual(table.gone('c'), []);
    assert.equal(table.claims, 0);
    assert.ok(table.ask('a', 'f', read, false).epoch > a.epoch);
  });

  it('end when the file was changed by who waits for nobody, once the holder knows', () => {
    const table = new LeaseTable();
    const { epoch } = table.ask('a', 'f', read, false);
    assert.equal(kinds(table.revoke('a', 'f', 0)), 'break');
    assert.deepEqual(table.revoke('a', 'f', 1), [], 'it was told');
    assert.deepEqual(table.claim({ id: '1', holder: 'b', files: ['f'], isWrite: true }, 1), []);
    assert.equal(kinds(table.acknowledged('a', 'f', epoch, 0)), 'go');
  });

  it('are bounded for each holder', () => {
    const table = new LeaseTable();
    for (let file = 0; file < LIMITS.leasesMax.value; file += 1)
      assert.equal(table.ask('a', `${file}`, read, false).kinds, read);
    assert.equal(table.ask('a', 'one more', read, false).kinds, 0);
    assert.equal(table.ask('b', 'one more', read, false).kinds, read);
  });

  it(`keep their rules, SEED=${SEED}`, () => {
    const holder = fc.constantFrom('a', 'b', 'c');
    const file = fc.constantFrom('f', 'g');
    const event = fc.oneof(
      fc.record({
        kind: fc.constant('ask' as const),
        holder,
        file,
        kinds: fc.integer({ min: 0, max: all }),
        others: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant('claim' as const),
        holder,
        file: fc.option(file),
        isWrite: fc.boolean(),
      }),
      fc.record({
        kind: fc.constantFrom('answers' as const, 'keeps' as const, 'revoke' as const),
        holder,
        file,
      }),
      fc.record({ kind: fc.constantFrom('gone' as const, 'settles' as const), holder }),
      fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 0, max: BREAK_MS }) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const model = new Model();
        for (const one of events) model.happens(one);
      }),
      { seed: SEED, numRuns: 1_000 },
    );
  });
});

type Happening =
  | { kind: 'ask'; holder: string; file: string; kinds: number; others: boolean }
  | { kind: 'claim'; holder: string; file: string | null; isWrite: boolean }
  | { kind: 'answers' | 'keeps' | 'revoke'; holder: string; file: string }
  | { kind: 'gone' | 'settles'; holder: string }
  | { kind: 'time'; ms: number };

/** What must hold, whatever the table decides. */
class Model {
  readonly #table = new LeaseTable();
  readonly #epochs = new Map<string, number>();
  readonly #told = new Map<string, { epoch: number; kept: number; sinceMs: number }>();
  readonly #waiting = new Map<string, { holder: string; file: string | null; isWrite: boolean }>();
  readonly #doing = new Map<string, { holder: string; file: string | null; isWrite: boolean }>();
  #nowMs = 0;
  #lastEpoch = 0;
  #lastClaim = 0;

  happens(one: Happening): void {
    const table = this.#table;
    if (one.kind === 'ask') this.#ask(one);
    else if (one.kind === 'claim') {
      this.#lastClaim += 1;
      const id = `${this.#lastClaim}`;
      this.#waiting.set(id, one);
      const files = one.file === null ? null : [one.file];
      this.#take(table.claim({ id, holder: one.holder, files, isWrite: one.isWrite }, this.#nowMs));
    } else if (one.kind === 'revoke') this.#take(table.revoke(one.holder, one.file, this.#nowMs));
    else if (one.kind === 'answers' || one.kind === 'keeps') {
      const key = `${one.holder} ${one.file}`;
      const told = this.#told.get(key);
      if (told === undefined) return;
      if (one.kind === 'answers') this.#told.delete(key);
      const kept = one.kind === 'answers' ? told.kept : all;
      this.#take(table.acknowledged(one.holder, one.file, told.epoch, kept));
    } else if (one.kind === 'gone') {
      for (const claims of [this.#waiting, this.#doing])
        for (const [id, claim] of claims) if (claim.holder === one.holder) claims.delete(id);
      for (const file of ['f', 'g']) this.#told.delete(`${one.holder} ${file}`);
      this.#take(table.gone(one.holder));
    } else if (one.kind === 'time') {
      this.#nowMs += one.ms;
      this.#take(table.tick(this.#nowMs));
    } else {
      for (const [id, claim] of this.#doing)
        if (claim.holder === one.holder) {
          this.#doing.delete(id);
          table.settled(id);
        }
    }
    this.#holds();
  }

  #ask({ holder, file, kinds: wished, others }: Extract<Happening, { kind: 'ask' }>): void {
    const before = this.#table.kindsOf(holder, file);
    const { kinds: given, epoch } = this.#table.ask(holder, file, wished, others);
    if (given === 0) return;
    assert.ok(!others, 'somebody else writes the file');
    assert.equal(given & ~(wished | before), 0, 'more than was asked for');
    if (given !== before) {
      assert.ok(epoch > this.#lastEpoch, 'an epoch was given twice');
      this.#lastEpoch = epoch;
    }
    this.#epochs.set(`${holder} ${file}`, epoch);
    for (const claim of [...this.#waiting.values(), ...this.#doing.values()])
      assert.ok(
        claim.holder === holder || (claim.file !== null && claim.file !== file),
        'while somebody claims it',
      );
  }

  #take(effects: readonly LeaseEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'go') {
        const claim = this.#waiting.get(effect.claim);
        assert.ok(claim, 'a claim went twice, or was none');
        this.#waiting.delete(effect.claim);
        this.#doing.set(effect.claim, claim);
        continue;
      }
      const { holder, file, epoch } = effect;
      const key = `${holder} ${file}`;
      assert.equal(epoch, this.#epochs.get(key), 'of the lease that it has');
      const told = this.#told.get(key);
      if (effect.kind === 'fenced') {
        assert.ok(told && told.epoch === epoch && this.#nowMs - told.sinceMs >= BREAK_MS, 'too early');
        this.#told.delete(key);
      } else {
        const sinceMs = told?.epoch === epoch ? told.sinceMs : this.#nowMs;
        this.#told.set(key, { epoch, kept: effect.kept, sinceMs });
      }
    }
  }

  #holds(): void {
    for (const file of ['f', 'g']) {
      const of = ['a', 'b', 'c'].map((holder) => [holder, this.#table.kindsOf(holder, file)] as const);
      const writes = of.filter(([, held]) => (held & write) !== 0);
      if (writes.length > 0) assert.equal(of.filter(([, held]) => held !== 0).length, 1, 'one who writes');
      for (const claim of this.#doing.values()) {
        if (claim.file !== null && claim.file !== file) continue;
        for (const [holder, held] of of)
          if (holder !== claim.holder)
            assert.equal(claim.isWrite ? held : held & write, 0, 'held by others while it is done');
      }
    }
    for (const claim of this.#waiting.values()) {
      const isOf = (key: string) => claim.file === null || key.endsWith(` ${claim.file}`);
      assert.ok(
        [...this.#told.keys()].some((key) => isOf(key) && !key.startsWith(`${claim.holder} `)),
        'a claim waits for nobody',
      );
    }
  }
}

describe('leases that are held', () => {
  it('count for a time after the last question that was answered, by the time at which it was asked', () => {
    const held = new HeldLeases<string>();
    held.given('f', { kinds: read, epoch: 3 }, 1_000);
    assert.ok(held.holds('f', read, 1_000 + TERM_MS - 1));
    assert.ok(!held.holds('f', read | write, 1_000), 'of that kind there is none');
    assert.ok(!held.holds('f', read, 1_000 + TERM_MS));
    assert.equal(held.epoch('f'), 3, 'writes that carry it may still be taken');
    held.answered(4_000);
    held.answered(2_000);
    assert.ok(held.holds('f', read, 4_000 + TERM_MS - 1));
    held.reset();
    held.given('g', { kinds: read, epoch: 4 }, 5_000);
    assert.ok(!held.holds('f', read, 5_000));
    assert.ok(2 * TERM_MS <= BREAK_MS, 'who is fenced has stopped believing long before');
  });

  it('are broken as they were given, and no other one', () => {
    const held = new HeldLeases<string>();
    held.given('f', { kinds: all, epoch: 3 }, 0);
    assert.equal(held.broken('f', 2, 0), 0, 'an earlier one');
    assert.equal(held.broken('f', 3, read | handle), write);
    assert.ok(held.holds('f', read | handle, 1));
    assert.equal(held.broken('f', 3, 0), read | handle);
    assert.equal(held.size, 0);
    held.given('f', { kinds: read, epoch: 4 }, 0);
    assert.deepEqual(held.lost('f'), { kinds: read, epoch: 4 });
    held.given('f', { kinds: read, epoch: 5 }, 0);
    held.given('f', { kinds: 0, epoch: 0 }, 0);
    assert.equal(held.size, 0, 'refused is lost');
  });

  it('go by use where there are too many', () => {
    const held = new HeldLeases<string>();
    for (const [at, file] of ['f', 'g', 'h'].entries()) held.given(file, { kinds: read, epoch: at + 1 }, 0);
    held.used('f');
    assert.equal(held.tooMany(3), null);
    assert.equal(held.tooMany(2), 'g');
  });
});
