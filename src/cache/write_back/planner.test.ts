// Plans against a model: whatever the changes, those that concern each other come in their order. SEED=N repeats one run.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRelPath, type RelPath } from '../../base/path.ts';
import { Dice } from '../../world/sim/dice.ts';
import type { Op } from './nodes.ts';
import { newNode } from './nodes.ts';
import { keysOf, planWave } from './planner.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUNS = process.env['SEED'] === undefined ? 80 : 1;
const PATHS = ['a', 'b', 'd', 'd/a', 'd/e', 'd/e/a'].map(parseRelPath);
const pick = <T>(dice: Dice, of: readonly T[]): T => of[dice.between(0, of.length - 1)] as T;
const attrs = { mode: 0, userId: 0, groupId: 0, mtimeNs: '0', ctimeNs: '0', linkCount: 1 };

function opsOf(dice: Dice): Op[] {
  const path = (): RelPath => pick(dice, PATHS);
  const nodes = Array.from({ length: 4 }, (_, i) =>
    newNode({
      ref: i + 1,
      id: `${i}`,
      kind: 'file',
      target: null,
      near: path(),
      far: path(),
      base: null,
      attrs,
    }),
  );
  return Array.from({ length: dice.between(1, 12) }, (_, i) => ({
    seq: i + 1,
    node: pick(dice, nodes),
    kind: dice.pick(['file', 'data', 'rename', 'remove'] as const),
    to: dice.chance(0.7) ? path() : null,
    from: dice.chance(0.3) ? path() : null,
    replaced: dice.chance(0.2) ? pick(dice, nodes) : null,
    keeps: false,
    layer: null,
    patch: null,
    mtimeNs: null,
    begun: false,
    triedMs: 0,
    tried: null,
    wroteMs: null,
    sinceMs: i,
  }));
}

function concern(a: Op, b: Op): boolean {
  const [one, other] = [keysOf(a), keysOf(b)];
  const meets = (keys: string[], others: string[]) => keys.some((key) => others.includes(key));
  return meets(one.writes, other.writes) || meets(one.writes, other.reads) || meets(one.reads, other.writes);
}

describe('the plan of what is sent on', () => {
  it('keeps the order of what concerns each other, sends all that it may, and holds back what depends on what it may not', () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
      const dice = Dice.fromSeed(seed).fork('plan');
      let left = opsOf(dice);
      const stuck = new Set(left.filter(() => dice.chance(0.1)));
      const skips = (op: Op) => stuck.has(op);
      for (;;) {
        const wave = planWave(left, { changes: 3, beforeMs: Number.POSITIVE_INFINITY, skips });
        for (const op of wave)
          for (const earlier of left.filter(({ seq }) => seq < op.seq))
            assert.ok(!concern(earlier, op), `SEED=${seed}: ${op.seq} before or beside ${earlier.seq}`);
        if (wave.length === 0) break;
        left = left.filter((op) => !wave.includes(op));
      }
      const isHidden = ({ kind, to }: Op) => kind === 'file' && to === null;
      for (const op of left) {
        const isHeld = left.some((earlier) => earlier.seq < op.seq && concern(earlier, op));
        assert.ok(stuck.has(op) || isHidden(op) || isHeld, `SEED=${seed}: ${op.seq} waits for nothing`);
      }
    }
  });

  it('leaves what is younger than it may be', () => {
    const ops = opsOf(Dice.fromSeed(1).fork('age'));
    for (const { sinceMs } of planWave(ops, { changes: 99, beforeMs: 3, skips: () => false }))
      assert.ok(sinceMs <= 3);
  });

  it('sends on what is independent at one time', () => {
    const names = ['x', 'y', 'z'].map(parseRelPath);
    const ops = names.map((to, i): Op => {
      const node = newNode({
        ref: i + 1,
        id: to,
        kind: 'file',
        target: null,
        near: to,
        far: null,
        base: null,
        attrs,
      });
      return {
        ...(opsOf(Dice.fromSeed(1))[0] as Op),
        seq: i,
        node,
        kind: 'file',
        to,
        from: null,
        replaced: null,
      };
    });
    assert.equal(planWave(ops, { changes: 9, beforeMs: 99, skips: () => false }).length, 3);
  });
});
