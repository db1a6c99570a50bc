import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatUtcMinute, parseUtc } from './utc.ts';

test('a moment is told as the calendar has it', () => {
  assert.equal(formatUtcMinute(0), '1970-01-01 00:00 UTC');
  assert.equal(formatUtcMinute(-1), '1969-12-31 23:59 UTC');
  for (const day of [59, 60, 365, 10_956, 11_016, 11_017, 19_782, 20_000, 47_540, 47_541]) {
    const ms = day * 86_400_000 + 15 * 3_600_000 + 4 * 60_000;
    assert.equal(formatUtcMinute(ms), `${new Date(ms).toISOString().slice(0, 10)} 15:04 UTC`);
  }
});

test('a moment that people write is read as the calendar has it', () => {
  for (const text of ['1970-01-01', '2000-02-29 23:59', '2026-11-28T15:04:05Z', '2100-03-01 00:00 UTC'])
    assert.equal(
      parseUtc(text),
      Date.parse(text.length === 10 ? text : `${text.replace(/ ?UTC|Z/, '')}Z`),
      text,
    );
  for (const text of [
    '',
    'now',
    '2026-13-01',
    '2026-00-10',
    '2026-01-32',
    '2026-01-01 24:00',
    '20260101',
    '2026-1-1',
  ])
    assert.equal(parseUtc(text), null, text);
});
