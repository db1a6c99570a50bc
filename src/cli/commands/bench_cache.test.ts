import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Context } from '../context.ts';
import { benchCache } from './bench_cache.ts';

async function run(options: Record<string, unknown>, json: boolean): Promise<{ code: number; text: string }> {
  let text = '';
  const terminal = { out: (more: string) => (text += more), interrupted: new AbortController().signal };
  const code = await benchCache({ terminal, json } as unknown as Context, [], options);
  return { code, text };
}

describe('causeway bench cache', () => {
  it('tells the hits of each policy, the same for the same seed', async () => {
    const options = { trace: ['zipf-0.9'], size: ['10'], accesses: '2000', seed: '7' };
    const first = await run(options, true);
    assert.equal(first.code, 0);
    assert.deepEqual(await run(options, true), first);
    const { cells, seed, prediction } = JSON.parse(first.text);
    assert.ok(prediction.waste <= 0.05 && prediction.hitRate > 0, first.text);
    assert.equal(seed, 7);
    const rates = cells[0].hitRates;
    assert.deepEqual(Object.keys(rates), ['lru', 'arc', 'w-tinylfu', 's3-fifo', 'optimum']);
    assert.ok(rates['s3-fifo'] > rates['lru'] && rates['optimum'] >= rates['s3-fifo'], first.text);
  });

  it('prints a table', async () => {
    const { text } = await run({ trace: ['loop', 'scan'], size: ['5', '20'], accesses: '1000' }, false);
    assert.match(
      text,
      /simulated.*seed 1;.*\npredicting: .*\nTRACE +CACHE +BYTES +LRU.*\nloop +5 % +.*\nloop +20 %.*\nscan +5 %/,
    );
    assert.match(text, /\nmean .*\n$/);
  });

  it('refuses what it does not know', async () => {
    await assert.rejects(run({ trace: ['tape'] }, true), /--trace tape: one of zipf-0.7/);
    await assert.rejects(run({ size: ['0'] }, true), /--size 0: a number from 0.1 to 100/);
    await assert.rejects(run({ accesses: '1' }, true), /--accesses 1/);
    await assert.rejects(run({ loadSize: '256M' }, true), /--load-size is for --modes: add it/);
    await assert.rejects(run({ modes: true, loadSize: '1M' }, true), /--load-size 1M: a size from 16.0 MiB/);
  });
});
