import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stage } from '../wire/stages.ts';
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

test('an operation that has not ended is taken to hash as much as the last ones did', async () => {
  const { meter, at } = meterAt();
  const hashing = (until: Promise<void>) =>
    meter.runHashing(
      'destinationWrite',
      10,
      () => until,
      () => 90,
    );
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const first = hashing(gates[0]!.promise);
  at(100);
  assert.equal(busy(meter, 'hash') ?? 0, 0, 'nothing is known yet');
  gates[0]!.resolve();
  await first;
  const second = hashing(gates[1]!.promise);
  at(200);
  assert.deepEqual([busy(meter, 'hash'), busy(meter, 'destinationWrite')], [180, 20]);
  gates[1]!.resolve();
  await second;
});

test('pieces that an operation tells of are part of its bytes', async () => {
  const { meter, at } = meterAt();
  at(5);
  await meter.run('destinationWrite', 10, async (moved) => moved(4));
  assert.equal(meter.bytes('destinationWrite'), 10);
  assert.equal(meter.lastMoveMs, 5);
});

const idle = (meter: StageMeter, stage: string) => {
  const figure = meter.figures().find((candidate) => candidate.stage === stage);
  return [figure?.starvedMs, figure?.blockedMs];
};

test('an idle stage is starved while one before it works, and blocked while only later ones do', async () => {
  const { meter, at } = meterAt();
  const operation = (stage: Stage, fromMs: number, toMs: number) => {
    at(fromMs);
    const started = meter.enter(stage);
    at(toMs);
    meter.leave(stage, started, 1);
  };
  operation('sourceRead', 0, 30); // the link has nothing to send yet
  at(30);
  const sending = meter.enter('link');
  operation('sourceRead', 40, 60); // both work
  at(100);
  meter.leave('link', sending, 1);
  at(500); // nothing works: nothing waits for anything
  assert.deepEqual(idle(meter, 'sourceRead'), [0, 50]);
  assert.deepEqual(idle(meter, 'link'), [30, 0]);
});

test('a wait for the window blocks the sender, a wait for the allowed rate starves it', async () => {
  const { meter, at } = meterAt();
  for (const stage of ['sourceRead', 'link'] as const) meter.moved(stage, 1);
  const window = Promise.withResolvers<void>();
  const blocked = meter.wait('window', () => window.promise);
  at(70);
  window.resolve();
  await blocked;
  const limit = Promise.withResolvers<void>();
  const starved = meter.wait('limit', () => limit.promise);
  at(100);
  limit.resolve();
  await starved;
  assert.deepEqual(idle(meter, 'sourceRead'), [30, 70]);
  assert.deepEqual(idle(meter, 'link'), [30, 70]);
  assert.deepEqual([meter.waitedMs('window'), meter.waitedMs('limit')], [70, 30]);
});

test('hashing waits for the read around it', async () => {
  const { meter, at } = meterAt();
  const gate = Promise.withResolvers<void>();
  const run = meter.runHashing(
    'sourceRead',
    10,
    () => gate.promise,
    () => 25,
  );
  at(100);
  gate.resolve();
  await run;
  assert.equal(busy(meter, 'hash'), 25);
  assert.deepEqual(idle(meter, 'hash'), [75, 0]);
});
