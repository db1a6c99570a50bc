import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError } from './errors.ts';
import { parseTimeWindow, windowStateAt } from './time_window.ts';

const HOUR_MS = 3_600_000;
const UTC = (_atMs: number) => 0;
const at = (iso: string) => Date.parse(iso);
const stateAt = (windows: readonly string[], iso: string, offsetMs = UTC) => {
  const { open, changesAtMs } = windowStateAt(windows.map(parseTimeWindow), at(iso), offsetMs);
  return [open, changesAtMs === null ? null : new Date(changesAtMs).toISOString()];
};

describe('a time window', () => {
  const table: [string[], string, boolean, string | null][] = [
    [['08:00-12:00'], '2026-03-04T07:59:59.999Z', false, '2026-03-04T08:00:00.000Z'],
    [['08:00-12:00'], '2026-03-04T08:00:00.000Z', true, '2026-03-04T12:00:00.000Z'],
    [['08:00-12:00'], '2026-03-04T11:59:59.999Z', true, '2026-03-04T12:00:00.000Z'],
    [['08:00-12:00'], '2026-03-04T12:00:00.000Z', false, '2026-03-05T08:00:00.000Z'],
    [['22:00-06:00'], '2026-03-04T21:59:00.000Z', false, '2026-03-04T22:00:00.000Z'],
    [['22:00-06:00'], '2026-03-04T22:00:00.000Z', true, '2026-03-05T06:00:00.000Z'],
    [['22:00-06:00'], '2026-03-05T00:00:00.000Z', true, '2026-03-05T06:00:00.000Z'],
    [['22:00-06:00'], '2026-03-05T05:59:30.000Z', true, '2026-03-05T06:00:00.000Z'],
    [['22:00-06:00'], '2026-03-05T06:00:00.000Z', false, '2026-03-05T22:00:00.000Z'],
    [['18:00-24:00'], '2026-03-04T23:59:00.000Z', true, '2026-03-05T00:00:00.000Z'],
    [['18:00-24:00', '00:00-02:00'], '2026-03-04T23:59:00.000Z', true, '2026-03-05T02:00:00.000Z'],
    [['01:00-02:00', '03:00-04:00'], '2026-03-04T02:30:00.000Z', false, '2026-03-04T03:00:00.000Z'],
    [['00:00-24:00'], '2026-03-04T02:30:00.000Z', true, null],
    [['12:00-00:00', '00:00-12:00'], '2026-03-04T02:30:00.000Z', true, null],
    [[], '2026-03-04T02:30:00.000Z', true, null],
  ];
  for (const [windows, now, open, change] of table) {
    it(`${windows.join(' and ') || 'none'} at ${now}`, () =>
      assert.deepEqual(stateAt(windows, now), [open, change]));
  }

  it('is in local time', () => {
    const offset = () => 5.5 * HOUR_MS;
    assert.deepEqual(stateAt(['22:00-06:00'], '2026-03-04T16:29:00Z', offset), [
      false,
      '2026-03-04T16:30:00.000Z',
    ]);
    assert.deepEqual(stateAt(['22:00-06:00'], '2026-03-04T16:30:00Z', offset), [
      true,
      '2026-03-05T00:30:00.000Z',
    ]);
    const west = () => -8 * HOUR_MS;
    assert.deepEqual(stateAt(['22:00-06:00'], '2026-03-05T06:00:00Z', west), [
      true,
      '2026-03-05T14:00:00.000Z',
    ]);
  });

  /** Central Europe in 2026: from 29 March 01:00 UTC to 25 October 01:00 UTC two hours ahead, else one. */
  const berlin = (atMs: number) =>
    atMs >= at('2026-03-29T01:00:00Z') && atMs < at('2026-10-25T01:00:00Z') ? 2 * HOUR_MS : HOUR_MS;

  it('is an hour shorter in the night in which clocks go forward, and an hour longer when they go back', () => {
    assert.deepEqual(stateAt(['22:00-06:00'], '2026-03-28T21:00:00Z', berlin), [
      true,
      '2026-03-29T04:00:00.000Z',
    ]);
    assert.deepEqual(stateAt(['22:00-06:00'], '2026-10-24T20:00:00Z', berlin), [
      true,
      '2026-10-25T05:00:00.000Z',
    ]);
  });

  it('that falls into the hour that is left out opens on the next day', () => {
    assert.deepEqual(stateAt(['02:10-02:50'], '2026-03-28T12:00:00Z', berlin), [
      false,
      '2026-03-30T00:10:00.000Z',
    ]);
  });

  for (const text of [
    '',
    '22:00',
    '22-06',
    '24:00-06:00',
    '22:60-06:00',
    '22:00-25:00',
    '10:00-24:01',
    '22:00-22:00',
    ' 1:00-02:00',
    '00:00-00:00',
  ]) {
    it(`is not written as ${JSON.stringify(text)}`, () =>
      assert.throws(
        () => parseTimeWindow(text),
        (thrown) => thrown instanceof CausewayError && thrown.code === 'CW_USAGE',
      ));
  }
});
