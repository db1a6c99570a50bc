import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { absoluteText, isoText, relativeText } from './times.ts';

const NOW = Date.UTC(2030, 5, 15, 12);
const MINUTE = 60_000;

describe('times', () => {
  it('are told by how far away they are', () => {
    const table: [number, string, string][] = [
      [0, 'now', '现在'],
      [-44_000, 'now', '现在'],
      [-50_000, '1 minute ago', '1分钟前'],
      [-5 * MINUTE, '5 minutes ago', '5分钟前'],
      [-59 * MINUTE, '1 hour ago', '1小时前'],
      [-25 * 60 * MINUTE, 'yesterday', '昨天'],
      [3 * 24 * 60 * MINUTE, 'in 3 days', '3天后'],
    ];
    for (const [away, english, chinese] of table) {
      assert.equal(relativeText(NOW + away, NOW, 'en'), english);
      assert.equal(relativeText(NOW + away, NOW, 'zh-Hans'), chinese);
    }
  });

  it('are told exactly, too', () => {
    assert.match(absoluteText(NOW, 'en', 'UTC'), /Jun 15, 2030.*12:00:00/);
    assert.match(absoluteText(NOW, 'zh-Hans', 'UTC'), /2030年6月15日 12:00:00/);
    assert.equal(isoText(NOW), '2030-06-15T12:00:00Z');
  });
});
