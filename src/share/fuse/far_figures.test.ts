import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FrontOrder } from '../../world/mounts.ts';
import { FarFigures } from './far_figures.ts';
import type { Governed, MemoryGovernor } from './memory_governor.ts';

const place = {
  folder: '/d',
  name: 'cache',
  key: new Uint8Array(32),
  capacityBytes: 1_000,
  reserveBytes: 0,
  blockBytes: 10,
};

it('gives the figures that the thread says, each question its own, and the last ones where it is late or the mount has ended', async () => {
  const orders: FrontOrder[] = [];
  const ended = Promise.withResolvers<null>();
  const members = new Set<Governed>();
  const governor = {
    join: (member: Governed) => {
      members.add(member);
      return () => void members.delete(member);
    },
  } as unknown as MemoryGovernor;
  const front = { order: (order: FrontOrder) => void orders.push(order), ended: ended.promise };
  const cache = { keepsPages: true, memoryBytes: 64 };
  const timers: (() => void)[] = [];
  const clock = {
    sleep: (_: number, signal?: AbortSignal) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      timers.push(resolve);
      signal?.addEventListener('abort', () => reject(signal.reason));
      return promise;
    },
  };
  const open = () => assert.fail('not in this thread');
  const far = new FarFigures(front, { place, cache, governor, open }, clock);

  const [one, two] = [far.figures, far.figures];
  assert.deepEqual(orders, [
    { kind: 'figures', question: 1 },
    { kind: 'figures', question: 2 },
  ]);
  far.told(2, { hits: 2 });
  far.told(1, { hits: 1 });
  assert.deepEqual([(await one).hits, (await two).hits], [1, 2]);

  const held = far.figures; // the disk of the cache holds the thread up
  timers.at(-1)!();
  assert.equal((await held).hits, 1);

  for (const member of members) member.set(32, 0.5);
  assert.deepEqual(orders.at(-1), { kind: 'memory', limitBytes: 32, pressure: 0.5 });

  const late = far.figures;
  ended.resolve(null);
  assert.equal((await late).hits, 1);
  assert.equal((await far.figures).hits, 1);
  assert.equal(members.size, 0);
});
