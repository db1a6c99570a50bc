import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StageMeter } from './stage_meter.ts';

function meterAt(): { meter: StageMeter; at: (ms: number) => void } {
  let nowMs = 0;
  const meter = new StageMeter({
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    sleep: () => Promise.reject(new Error('a meter does not sleep')),
  });
  return {
    meter,
    at: (ms) => {
      nowMs = ms;
    },
  };
}

const busy = (meter: StageMeter, stage: string) =>
  meter.figures().find((figure) => figure.stage === stage)?.busyMs;

test('hashing inside another stage is told as hashing, also where operations overlap', async () => {
  const { meter, at } = meterAt();
  const gates = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  const runs = gates.map(({ promise }) =>
    meter.runHashing(
      'sourceRead',
      10,
      () => promise,
      (hashMs) => hashMs,
    ),
  );
  at(100);
  gates[0]!.resolve(25);
  await runs[0];
  assert.equal(busy(meter, 'sourceRead'), 75); // still running: a quarter of what has ended was hashing
  assert.equal(busy(meter, 'hash'), 25);
  at(200);
  gates[1]!.resolve(50);
  await runs[1];
  assert.equal(busy(meter, 'sourceRead'), 150);
  assert.equal(busy(meter, 'hash'), 50);
  assert.equal(meter.bytes('hash'), 20);
  at(300);
  assert.equal(busy(meter, 'sourceRead'), 150);
});

test('pieces that an operation tells of are part of its bytes', async () => {
  const { meter, at } = meterAt();
  at(5);
  await meter.run('destinationWrite', 10, async (moved) => moved(4));
  assert.equal(meter.bytes('destinationWrite'), 10);
  assert.equal(meter.lastMoveMs, 5);
});
