import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { units as en } from '../messages/en/units.ts';
import { units as zh } from '../messages/zh/units.ts';
import { countText, durationText, parseMebibytes, percentText, speedText } from './amounts.ts';

describe('amounts', () => {
  it('tell a duration in two units at most', () => {
    const table: [number, string, string][] = [
      [0, '0.0 s', '0.0 秒'],
      [-5, '0.0 s', '0.0 秒'],
      [9_940, '9.9 s', '9.9 秒'],
      [12_300, '12 s', '12 秒'],
      [60_000, '1 min', '1 分'],
      [93_000, '1 min 33 s', '1 分 33 秒'],
      [3_600_000, '1 h', '1 小时'],
      [3_840_000, '1 h 4 min', '1 小时 4 分'],
      [26 * 3_600_000, '1 d 2 h', '1 天 2 小时'],
    ];
    for (const [ms, english, chinese] of table) {
      assert.equal(durationText(ms, en), english);
      assert.equal(durationText(ms, zh), chinese);
    }
  });

  it('never call a copy finished before it is', () => {
    assert.deepEqual([0, 41.26, 99.99, 100].map(percentText), ['0.0 %', '41.2 %', '99.9 %', '100 %']);
  });

  it('group digits and tell speeds as the language does', () => {
    assert.equal(countText(1_234_567, 'en'), '1,234,567');
    assert.equal(speedText(1536, en), '1.50 KiB/s');
    assert.equal(speedText(1536, zh), '1.50 KiB/秒');
  });

  it('read a speed limit', () => {
    assert.deepEqual(['', ' ', '20', '0.5', '0', '-1', 'fast', '0.0001'].map(parseMebibytes), [
      null,
      null,
      20 * 1024 ** 2,
      512 * 1024,
      Number.NaN,
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ]);
  });
});
