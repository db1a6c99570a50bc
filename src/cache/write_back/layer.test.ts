// Layers against a model of plain bytes. SEED=N repeats one run.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Dice } from '../../world/sim/dice.ts';
import { Layer } from './layer.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUNS = process.env['SEED'] === undefined ? 60 : 1;
const BELOW = -1;

/** Record n holds the numbers n * 1000, n * 1000 + 1 and so on. */
function seen(layer: Layer, from: number, to: number): number[] {
  return layer.pieces(from, to).flatMap(({ from: start, to: end, source }) =>
    Array.from({ length: end - start }, (_, i) => {
      if (source === 'zeros') return 0;
      if (source === 'below') return BELOW;
      return source.place.index * 1000 + source.skip + start + i - source.from;
    }),
  );
}

function truncated(model: number[], sizeBytes: number): void {
  while (model.length < sizeBytes) model.push(0);
  model.length = sizeBytes;
}

function run(seed: number): void {
  const dice = Dice.fromSeed(seed).fork('layer');
  const start = dice.between(0, 40);
  let layer = Layer.over(start);
  const model = Array.from({ length: start }, () => BELOW);
  for (let step = 1; step < 60; step += 1) {
    const offset = dice.between(0, 60);
    if (dice.between(0, 4) === 0) {
      layer.truncate(offset);
      truncated(model, offset);
    } else {
      const length = dice.between(0, 20);
      layer.write(offset, length, { segment: 1, at: 0, frameBytes: 0, index: step });
      if (length > 0) truncated(model, Math.max(model.length, offset + length));
      for (let i = 0; i < length; i += 1) model[offset + i] = step * 1000 + i;
    }
    if (dice.between(0, 9) === 0) layer = Layer.of(JSON.parse(JSON.stringify(layer.state)));
    const message = `SEED=${seed} step ${step}`;
    assert.equal(layer.sizeBytes, model.length, message);
    const [from, to] = [dice.between(0, 70), dice.between(0, 90)];
    assert.deepEqual(seen(layer, from, to), model.slice(from, Math.max(from, to)), message);
    assert.equal(layer.writtenBytes, model.filter((value) => value > 0).length, message);
  }
}

describe('a layer of writes', () => {
  it('shows what a file would hold, whatever is written and cut', () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) run(seed);
  });
});
