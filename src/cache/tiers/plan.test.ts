// Where blocks go, by tables and by properties. SEED=N repeats one run.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Dice } from '../../world/sim/dice.ts';
import { demotionsOf, filledBytes, placeFor, promotionOf, type TierLevel } from './plan.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUNS = process.env['SEED'] === undefined ? 24 : 1;
const BLOCK = 100;

const level = (usedBlocks: number, more: Partial<TierLevel> = {}): TierLevel => ({
  limitBytes: 16 * BLOCK,
  usedBytes: usedBlocks * BLOCK,
  isUsable: true,
  coolest: 0,
  ...more,
});
const block = (heat: number) => ({ heat, sizeBytes: BLOCK });
const away = { isUsable: false };

describe('where a new block goes', () => {
  const cases: readonly [string, readonly TierLevel[], number, number | null][] = [
    ['to the fastest tier while that has room', [level(0), level(0)], 1, 0],
    ['past one that is filled', [level(15), level(0)], 1, 1],
    [
      'into one that is filled, where it is hotter than what is there',
      [level(15, { coolest: 1 }), level(0)],
      3,
      0,
    ],
    ['not where it is hardly hotter', [level(15, { coolest: 4 }), level(0)], 5, 1],
    ['not where there is no room even for a while', [level(16), level(0)], 9, 1],
    ['not to a tier that cannot be used', [level(0, away), level(0)], 9, 1],
    ['to the slowest one where none has room', [level(16), level(16), level(16)], 1, 2],
    ['to the slowest one that can be used', [level(16), level(16), level(16, away)], 1, 1],
    ['past one whose disk has no room', [level(0, { limitBytes: 0 }), level(0)], 1, 1],
    ['nowhere where no disk has room', [level(0, { limitBytes: 0 })], 1, null],
    ['nowhere where none can be used', [level(0, away), level(0, away)], 9, null],
  ];
  for (const [name, levels, heat, expected] of cases)
    it(name, () => assert.equal(placeFor(levels, block(heat)), expected));
});

describe('where a block goes that was read', () => {
  const cases: readonly [string, readonly TierLevel[], number, number, number | null][] = [
    ['it stays where it was read once only', [level(0), level(5)], 1, 1, null],
    ['to a faster tier with room once it was read twice', [level(0), level(5)], 1, 2, 0],
    [
      'to the next tier where the fastest holds hotter ones',
      [level(15, { coolest: 9 }), level(0), level(5)],
      2,
      3,
      1,
    ],
    ['it stays in the fastest', [level(0), level(0)], 0, 9, null],
    ['it stays where the faster tier cannot be used', [level(0, away), level(5)], 1, 9, null],
    ['it takes the place of a cooler one', [level(15, { coolest: 2 }), level(5)], 1, 4, 0],
    ['it stays where it is hardly hotter', [level(15, { coolest: 2 }), level(5)], 1, 3.9, null],
  ];
  for (const [name, levels, from, heat, expected] of cases)
    it(name, () => assert.equal(promotionOf(levels, from, block(heat)), expected));
});

describe('what leaves a tier that is above its mark', () => {
  const heats = [5, 1, 3].map(block);
  const cases: readonly [string, readonly TierLevel[], readonly (readonly [number, number])[]][] = [
    ['nothing up to the mark', [level(15), level(0)], []],
    ['the coolest, as many as are above it', [level(16), level(0)], [[1, 1]]],
    ['past a tier that is full', [level(16), level(16), level(3)], [[1, 2]]],
    ['to the slowest one though it is full: it lets others leave', [level(16), level(16)], [[1, 1]]],
    ['past a tier that cannot be used', [level(16), level(0, away), level(0)], [[1, 2]]],
    ['nothing where no slower one can be used', [level(16), level(0, away)], []],
    ['nothing where the disk of the slower one has no room', [level(16), level(0, { limitBytes: 0 })], []],
    ['nothing of one that cannot be used', [level(16, away), level(0)], []],
  ];
  for (const [name, levels, expected] of cases)
    it(name, () =>
      assert.deepEqual(
        demotionsOf(levels, 0, heats).map(({ block: { heat }, to }) => [heat, to]),
        expected,
      ),
    );
});

/** Tiers in miniature: each block lies in one of them, or in none. */
class Model {
  readonly places = new Map<number, number>();
  readonly heats: number[];
  readonly limits: number[];
  moves = 0;

  constructor(dice: Dice) {
    this.limits = [dice.between(2, 30), dice.between(2, 60), dice.between(2, 60)];
    this.heats = Array.from({ length: dice.between(10, 200) }, () => dice.between(0, 40) / 2);
  }

  levels(): TierLevel[] {
    return this.limits.map((limit, at) => {
      const heats = [...this.places].filter(([, tier]) => tier === at).map(([name]) => this.heatOf(name));
      return level(heats.length, {
        limitBytes: limit * BLOCK,
        coolest: heats.length === 0 ? 0 : Math.min(...heats),
      });
    });
  }

  heatOf(name: number): number {
    return this.heats[name] ?? 0;
  }

  /** The slowest tier lets its coolest block leave. */
  put(name: number, to: number): void {
    this.places.delete(name);
    const inTier = [...this.places].filter(([, tier]) => tier === to).map(([other]) => other);
    if (inTier.length >= (this.limits[to] ?? 0)) {
      assert.equal(to, this.limits.length - 1, 'only the slowest tier is given more than it may hold');
      const leaving = inTier.toSorted((one, other) => this.heatOf(one) - this.heatOf(other))[0];
      this.places.delete(leaving as number);
    }
    this.places.set(name, to);
    for (const [at, { usedBytes, limitBytes }] of this.levels().entries())
      assert.ok(usedBytes <= limitBytes, `tier ${at} holds ${usedBytes} of ${limitBytes}`);
  }

  /** Reads a block, and lets what is above the marks leave. */
  read(name: number): void {
    const at = this.places.get(name);
    const wish = block(this.heatOf(name));
    if (at === undefined) this.put(name, placeFor(this.levels(), wish) ?? 0);
    else {
      const to = promotionOf(this.levels(), at, wish);
      if (to !== null) this.#move(name, to);
    }
    for (const from of [1, 0]) this.#demote(from);
  }

  #demote(from: number): void {
    const sample = [...this.places]
      .filter(([, tier]) => tier === from)
      .map(([name]) => ({ name, ...block(this.heatOf(name)) }));
    for (const { block: leaving, to } of demotionsOf(this.levels(), from, sample))
      this.#move(leaving.name, to);
  }

  #move(name: number, to: number): void {
    this.moves += 1;
    this.put(name, to);
  }
}

const models = (each: (model: Model, dice: Dice, seed: number) => void) => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
    const dice = Dice.fromSeed(seed);
    try {
      each(new Model(dice), dice, seed);
    } catch (failure) {
      throw new Error(`SEED=${seed}`, { cause: failure });
    }
  }
};

describe('planning, over many reads', () => {
  it('gives no tier more than it may hold, and loses no block while all have room', () =>
    models((model, dice) => {
      const room = model.limits.reduce((sum, limit) => sum + Math.floor((limit * 15) / 16), 0);
      const seen = new Set<number>();
      for (let step = 0; step < 250; step += 1) {
        const name = dice.between(0, model.heats.length - 1);
        model.heats[name] = model.heatOf(name) + 1;
        if (dice.chance(0.02)) for (const at of model.heats.keys()) model.heats[at] = model.heatOf(at) * 0.84;
        model.read(name);
        seen.add(name);
        if (seen.size <= room)
          for (const one of seen) assert.ok(model.places.has(one), `${one} is in some tier`);
      }
    }));

  it('comes to rest while no block gets hotter: none goes to and fro', () =>
    models((model) => {
      const few = Math.min(model.heats.length, model.limits.reduce((sum, limit) => sum + limit, 0) - 6);
      const round = () => {
        const before = model.moves;
        for (let name = 0; name < few; name += 1) if (model.places.has(name)) model.read(name);
        return model.moves - before;
      };
      for (let name = 0; name < few; name += 1) model.read(name);
      let rounds = 0;
      while (round() > 0) {
        rounds += 1;
        assert.ok(rounds < 40, 'blocks still move');
      }
      for (const [at, { usedBytes, limitBytes }] of model.levels().slice(0, 2).entries())
        assert.ok(usedBytes <= Math.max(BLOCK, filledBytes({ limitBytes })), `tier ${at} is at its mark`);
    }));
});
