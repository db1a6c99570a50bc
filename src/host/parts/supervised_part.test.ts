import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../test/link/manual_clock.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { SupervisedPart } from './supervised_part.ts';

/** A part that ends when it is told to, and starts unless it is told not to. */
class Fragile {
  readonly clock = new ManualClock();
  isBroken = false;
  starts = 0;
  closes = 0;
  end: (failure: unknown) => void = () => undefined;
  readonly part = new SupervisedPart({
    name: 'metrics',
    clock: this.clock,
    start: async () => {
      this.starts += 1;
      if (this.isBroken) throw new CausewayError('CW_LINK_BUSY', 'the port is taken');
      const { promise, resolve } = Promise.withResolvers<unknown>();
      this.end = resolve;
      return {
        ended: promise,
        close: async () => {
          this.closes += 1;
        },
      };
    },
  });
}

describe('a part of the daemon', () => {
  it('that ends is closed and started again after a short wait, and says why', async () => {
    const fragile = new Fragile();
    await fragile.part.begin();
    assert.deepEqual(fragile.part.view(), { name: 'metrics', state: 'running', restarts: 0, error: null });
    fragile.end(new CausewayError('CW_LINK_CLOSED', 'its thread has ended'));
    await fragile.clock.advance(0);
    const view = fragile.part.view();
    assert.deepEqual([view.state, view.error?.message], ['restarting', 'its thread has ended']);
    await fragile.clock.advance(LIMITS.partRestartMinMs.value);
    assert.deepEqual([fragile.part.view().state, fragile.part.view().restarts], ['running', 1]);
    assert.deepEqual([fragile.starts, fragile.closes], [2, 1]);
    await fragile.part.close();
    assert.equal(fragile.closes, 2);
  });

  it('that cannot start is tried at growing distances, and never given up', async () => {
    const fragile = new Fragile();
    fragile.isBroken = true;
    await fragile.part.beginAnyhow();
    assert.equal(fragile.part.error?.code, 'CW_LINK_BUSY');
    await fragile.clock.advance(3_600_000);
    const most = 3_600_000 / LIMITS.partRestartMaxMs.value;
    assert.ok(fragile.starts > most && fragile.starts < most + 10, `${fragile.starts} in an hour`);
    fragile.isBroken = false;
    await fragile.clock.advance(LIMITS.partRestartMaxMs.value);
    assert.equal(fragile.part.view().state, 'running');
    fragile.end(undefined);
    await fragile.clock.advance(LIMITS.partRestartMinMs.value);
    assert.equal(fragile.part.view().state, 'restarting', 'it has just been in trouble');
    await fragile.clock.advance(LIMITS.partRestartMaxMs.value + LIMITS.partSteadyMs.value + 1);
    fragile.end(undefined);
    await fragile.clock.advance(LIMITS.partRestartMinMs.value);
    assert.equal(fragile.part.view().state, 'running', 'it ran for a while before');
    await fragile.part.close();
  });

  it('that cannot start is not kept where that is asked for, and one that is closed stays so', async () => {
    const fragile = new Fragile();
    fragile.isBroken = true;
    await assert.rejects(fragile.part.begin(), { code: 'CW_LINK_BUSY' });
    await fragile.part.close();
    const closed = new Fragile();
    closed.isBroken = true;
    await closed.part.beginAnyhow();
    await closed.part.close();
    await closed.clock.advance(3_600_000);
    assert.equal(closed.starts, 1);
  });
});
