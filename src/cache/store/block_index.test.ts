// The index of blocks against a Map, at random. SEED=N repeats one run.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Dice } from '../../world/sim/dice.ts';
import { BlockIndex } from './block_index.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUNS = process.env['SEED'] === undefined ? 6 : 1;
const SLOTS = 400;
const BLOCKS = 300;

it('finds each block where it was placed, and none that was removed', () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
    const dice = Dice.fromSeed(seed);
    const index = new BlockIndex();
    const model = new Map<string, number>();
    const nameOf = (file: number, block: number) => `${file} ${block}`;
    for (let step = 0; step < 4_000; step += 1) {
      const file = dice.between(0, 4);
      const block = dice.between(0, BLOCKS - 1);
      const known = index.file(`f${file}`);
      const key = known === undefined ? -1 : BlockIndex.keyOf(known, block);
      const slot = key < 0 ? -1 : index.slotOf(key);
      assert.equal(slot, model.get(nameOf(file, block)) ?? -1, `SEED=${seed}, step ${step}`);
      if (slot >= 0 && dice.chance(0.4)) {
        index.remove(slot);
        model.delete(nameOf(file, block));
      } else if (slot < 0) {
        const made = index.add({ file: `f${file}`, version: 'v', sizeBytes: BLOCKS * 512 });
        const free = index.takeFree(SLOTS);
        assert.ok(made);
        if (free < 0) index.forget(made);
        else {
          index.place(made, block, free);
          model.set(nameOf(file, block), free);
        }
      } else if (dice.chance(0.01) && known !== undefined) {
        for (const dropped of index.drop(known)) assert.ok(dropped.key >= 0);
        for (let of = 0; of < BLOCKS; of += 1) model.delete(nameOf(file, of));
      }
      assert.equal(index.blocks, model.size, `SEED=${seed}, step ${step}`);
    }
    assert.equal([...index.entries()].length, model.size, `SEED=${seed}`);
  }
});

it('cuts what lies from a slot on, and finds the rest', () => {
  const index = new BlockIndex();
  const file = index.add({ file: 'f', version: 'v', sizeBytes: 1_000 * 512 });
  assert.ok(file);
  for (let block = 0; block < 1_000; block += 1) index.place(file, block, block);
  assert.equal(index.cut(600).length, 400);
  for (let block = 0; block < 1_000; block += 1)
    assert.equal(index.slotOf(BlockIndex.keyOf(file, block)), block < 600 ? block : -1);
});
