import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { History } from './history.ts';
import { Ledger } from './ledger.ts';
import { Predictor } from './predictor.ts';
import { Prewarm } from './prewarm.ts';
import { Sequences } from './sequences.ts';

const SIZE = 4096;

describe('a history', () => {
  it('tells what came after a key, and forgets what is too long ago', () => {
    const history = new History(8, 4);
    let last = -1;
    for (const key of [1, 2, 3, 1, 4]) last = history.add(key, SIZE, last);
    assert.equal(history.keyAt(history.after(history.latest(1))), 4);
    assert.equal(history.seen(1), 2);
    assert.equal(history.latestAfter(0, 2), 1);
    assert.equal(history.latestAfter(0, 3), -1);
    for (let key = 10; key < 20; key += 1) last = history.add(key, SIZE, last);
    assert.equal(history.latest(1), -1);
    assert.equal(history.has(0), false);
    assert.equal(history.latest(19), last);
  });
});

describe('sequences', () => {
  const play = (sequences: Sequences, keys: readonly number[], stream = 0): number[] => {
    const offered: number[] = [];
    for (const key of keys)
      sequences.note(key, SIZE, stream, (next) => {
        offered.push(next);
        return true;
      });
    return offered;
  };
  const order = Array.from({ length: 40 }, (_, at) => (at * 7_919) % 1_000);

  it('offer what came next the time before, in its order, for another stream too', () => {
    const sequences = new Sequences(new History(1_000, 1_000));
    assert.deepEqual(play(sequences, order), []);
    const offered = play(sequences, order, 5);
    assert.deepEqual(offered, order.slice(order.length - offered.length));
    assert.ok(offered.length > 30, `${offered.length}`);
  });

  it('bear reads that are missing, are new, or have changed places', () => {
    const sequences = new Sequences(new History(1_000, 1_000));
    play(sequences, order);
    const again = order.flatMap((key, at) => (at % 9 === 8 ? [] : at % 7 === 6 ? [5_000 + at, key] : [key]));
    [again[20], again[21]] = [again[21]!, again[20]!];
    const offered = play(sequences, again, 5);
    assert.ok(offered.length > 25, `${offered.length}`);
    assert.ok(offered.every((key) => order.includes(key)));
  });

  it('offer a key again that was put off', () => {
    const sequences = new Sequences(new History(1_000, 1_000));
    play(sequences, order);
    const refused: number[] = [];
    for (const key of order.slice(0, 10)) sequences.note(key, SIZE, 0, (next) => refused.push(next) < 0);
    assert.ok(refused.length > 3);
    const first = play(sequences, order.slice(10, 11))[0]!;
    assert.equal(first, order[11]);
  });
});

describe('a ledger', () => {
  it('grants nothing more where predictions are wrong, but for a few tries', () => {
    const ledger = new Ledger(1, 2 ** 30);
    let granted = 0;
    for (let key = 0; key < 10_000; key += 1) {
      ledger.noteAccess(SIZE);
      if (!ledger.hasRoom() || !ledger.grants(0)) continue;
      granted += 1;
      ledger.open(key, SIZE, 0);
      ledger.settle(key, false);
    }
    const { wastedBytes, fetchedBytes } = ledger.figures;
    assert.equal(wastedBytes, fetchedBytes);
    assert.ok(wastedBytes <= 2 ** 20 + (10_000 + granted) * SIZE * 0.04 + SIZE, `${wastedBytes}`);
  });

  it('gives a prediction up that nobody uses', () => {
    const ledger = new Ledger(1, 2 ** 30);
    ledger.open(7, SIZE, 0);
    for (let access = 0; access < 1_000; access += 1) ledger.noteAccess(0);
    assert.equal(ledger.takeExpired(), -1);
    ledger.noteAccess(0);
    assert.equal(ledger.takeExpired(), 7);
    assert.equal(ledger.takeExpired(), -1);
    assert.deepEqual([ledger.figures.wastedBytes, ledger.figures.openBytes], [SIZE, 0]);
  });
});

describe('a predictor', () => {
  it('has bounded tables and never more open than its part of the cache', () => {
    const predictor = new Predictor(2 ** 20, () => false);
    for (let at = 0; at < 200_000; at += 1) {
      const key = at % 70_000;
      predictor.onAccess({ key, sizeBytes: SIZE, stream: at % 3_000, wasHit: false });
      assert.ok(predictor.figures.openBytes <= 2 ** 20 / 4 + SIZE);
    }
    assert.ok(predictor.indexBytes < 8 * 2 ** 20, `${predictor.indexBytes}`);
  });
});

describe('what is warmed at a start', () => {
  const record = (
    keys: readonly number[],
    before?: ReturnType<Prewarm['list']>,
    budgetBytes = 100 * SIZE,
  ) => {
    const prewarm = new Prewarm({ startMs: 1_000, budgetBytes, before });
    for (const [at, key] of keys.entries()) prewarm.onRead(key, SIZE, 1_000 + at * 10);
    return prewarm.list();
  };
  const wanted = (list: ReturnType<Prewarm['list']>, budgetBytes = 100 * SIZE) =>
    new Prewarm({ startMs: 0, budgetBytes, before: list }).wanted().map(({ key }) => key);

  it('is what was read after the last start, in its order, then what was read before that', () => {
    const first = record([5, 3, 9, 3]);
    assert.deepEqual(wanted(first), [5, 3, 9]);
    const second = record([9, 4], first);
    assert.deepEqual(wanted(second), [9, 4, 5, 3]);
    assert.deepEqual(wanted(record([9, 4], second)), [9, 4]);
    assert.deepEqual(wanted(JSON.parse(JSON.stringify(second))), [9, 4, 5, 3]);
  });

  it('stays within its budget and its minutes', () => {
    assert.deepEqual(wanted(record([1, 2, 3], undefined, 2 * SIZE)), [1, 2]);
    assert.deepEqual(wanted(record([1, 2, 3]), SIZE), [1]);
    const prewarm = new Prewarm({ startMs: 0, budgetBytes: 100 * SIZE, windowMs: 50 });
    prewarm.onRead(1, SIZE, 50);
    prewarm.onRead(2, SIZE, 51);
    assert.deepEqual(
      prewarm.list().map(({ key }) => key),
      [1],
    );
  });
});
