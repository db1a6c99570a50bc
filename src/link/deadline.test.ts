import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/link/manual_clock.ts';
import { deferred } from '../base/deferred.ts';
import { CausewayError } from '../base/errors.ts';
import { withDeadline } from './deadline.ts';

function setUp() {
  const clock = new ManualClock();
  const stop = new AbortController();
  let abandoned = 0;
  const abandon = async () => {
    abandoned += 1;
  };
  const deadline = { clock, timeoutMs: 100, what: 'nothing came', signal: stop.signal, abandon };
  return { clock, stop, deadline, abandoned: () => abandoned };
}

describe('withDeadline', () => {
  it('passes on the result and the failure of work that is in time', async () => {
    const { deadline, abandoned } = setUp();
    assert.equal(await withDeadline(deadline, async () => 7), 7);
    await assert.rejects(
      withDeadline(deadline, () => Promise.reject(new Error('own'))),
      /own/,
    );
    assert.equal(abandoned(), 0);
  });

  it('fails with CW_TIMEOUT after the time, once, also when the work does not notice', async () => {
    const { clock, deadline, abandoned } = setUp();
    const outcome = withDeadline(deadline, () => new Promise<never>(() => undefined));
    const checked = assert.rejects(outcome, { code: 'CW_TIMEOUT', message: 'nothing came' });
    await clock.advance(100);
    await checked;
    assert.equal(abandoned(), 1);
  });

  it('fails with the reason of the signal, before, during, and not after', async () => {
    const reason = new CausewayError('CW_LINK_CLOSED', 'over');
    const during = setUp();
    const outcome = withDeadline(during.deadline, () => new Promise<never>(() => undefined));
    during.stop.abort(reason);
    await assert.rejects(outcome, reason);
    const after = setUp();
    await withDeadline(after.deadline, async () => 1);
    after.stop.abort(reason);
    await after.clock.advance(1000);
    assert.equal(after.abandoned(), 0);
    const before = setUp();
    before.stop.abort(reason);
    const never = () => Promise.reject(new Error('the work was begun'));
    await assert.rejects(withDeadline(before.deadline, never), reason);
    assert.equal(before.abandoned(), 1);
  });

  it('does not leave a late failure of the work unobserved', async () => {
    const { clock, deadline } = setUp();
    const work = deferred<number>();
    const checked = assert.rejects(
      withDeadline(deadline, () => work.promise),
      { code: 'CW_TIMEOUT' },
    );
    await clock.advance(100);
    await checked;
    work.reject(new Error('late'));
  });
});
