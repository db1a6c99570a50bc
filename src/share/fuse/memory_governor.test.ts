import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { MemoryState } from '../../world/process.ts';
import type { World } from '../../world/world.ts';
import { MemoryGovernor } from './memory_governor.ts';

const MIB = 1024 * 1024;

/** A world in which a second passes whenever it is told to. */
class Seconds {
  memory: MemoryState = { allowedBytes: 200 * MIB, availableBytes: 100 * MIB, waitMs: 0 };
  #nowMs = 0;
  #sleeper: { readonly wake: () => void } | null = null;

  get world(): Pick<World, 'clock' | 'process'> {
    const sleep = (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        this.#sleeper = { wake: resolve };
        signal?.addEventListener('abort', () => {
          this.#sleeper = null;
          reject(signal.reason);
        });
      });
    return {
      clock: { monotonicMs: () => this.#nowMs, wallMs: () => this.#nowMs, sleep },
      process: { memory: () => this.memory },
    } as unknown as Pick<World, 'clock' | 'process'>;
  }

  get isWaiting(): boolean {
    return this.#sleeper !== null;
  }

  async pass(): Promise<void> {
    this.#nowMs += 1_000;
    const sleeper = this.#sleeper;
    this.#sleeper = null;
    sleeper?.wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

it('caches share 40 % of the memory, give it back under pressure, and nobody looks once there are none', async () => {
  const seconds = new Seconds();
  const governor = new MemoryGovernor(seconds.world);
  const given = new Map<string, readonly [number, number]>();
  const join = (name: string, wishedBytes: number) =>
    governor.join({
      wishedBytes,
      set: (limitBytes, pressure) => given.set(name, [limitBytes / MIB, pressure]),
    });
  const leaveOne = join('one', 64 * MIB);
  assert.deepEqual(given.get('one'), [64, 0]);
  const leaveTwo = join('two', 10 * MIB);
  assert.deepEqual(given.get('one'), [40, 0], 'half of 80 MiB');
  assert.deepEqual(given.get('two'), [10, 0], 'no more than it wishes');
  seconds.memory = { ...seconds.memory, waitMs: 500 };
  await seconds.pass();
  assert.deepEqual(given.get('one'), [4, 1]);
  await seconds.pass();
  assert.ok((given.get('one')?.[0] ?? 0) > 4, 'nobody waits any more');
  leaveOne();
  leaveTwo();
  await seconds.pass();
  assert.equal(seconds.isWaiting, false);
  join('three', MIB)();
});
