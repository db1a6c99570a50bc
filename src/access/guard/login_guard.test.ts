import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../test/link/manual_clock.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { FailureCounters } from './failure_counters.ts';
import { type LoginAttempt, LoginGuard } from './login_guard.ts';

const MINUTE_MS = 60_000;

/** The attempt, or null where the guard refuses it. */
function tryAt(guard: LoginGuard, account: string, address: string): LoginAttempt | null {
  try {
    return guard.begin(account, address);
  } catch (error) {
    assert.ok(error instanceof CausewayError && error.code === 'CW_AUTH_LOCKED', String(error));
    assert.match(error.message, /wait \d+ (s|min)$/);
    return null;
  }
}

/** How many of `count` attempts, one after the other, reach the password. */
function reached(
  guard: LoginGuard,
  count: number,
  account: string,
  addressOf: (at: number) => string,
): number {
  let letIn = 0;
  for (let at = 0; at < count; at += 1) if (tryAt(guard, account, addressOf(at)) !== null) letIn += 1;
  return letIn;
}

describe('the login guard', () => {
  it('lets five of a thousand wrong log-ins through, and the owner from another address', async () => {
    const clock = new ManualClock();
    const guard = new LoginGuard(clock);
    assert.equal(
      reached(guard, 1_000, 'ann', () => '198.51.100.7'),
      LIMITS.loginFailuresFreeMax.value,
    );
    for (let minutes = 0; minutes < 600; minutes += 1) {
      await clock.advance(MINUTE_MS);
      reached(guard, 100, 'ann', () => '198.51.100.7');
      const owner = tryAt(guard, 'ann', '203.0.113.20');
      assert.ok(owner !== null, `after ${minutes} min`);
      owner.succeeded();
    }
  });

  it('doubles the wait with each failure, up to a quarter of an hour', async () => {
    const clock = new ManualClock();
    const guard = new LoginGuard(clock);
    reached(guard, 10, 'ann', () => '198.51.100.7');
    const waits: number[] = [];
    for (let failure = 0; failure < 13; failure += 1) {
      let waited = 0;
      for (; tryAt(guard, 'ann', '198.51.100.7') === null; waited += 1) await clock.advance(1_000);
      waits.push(waited);
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
  });

  it('forgets failures of one address at the account when its owner signs in there', () => {
    const guard = new LoginGuard(new ManualClock());
    for (let round = 0; round < 3; round += 1) {
      assert.equal(
        reached(guard, 4, 'ann', () => '198.51.100.7'),
        4,
        `round ${round}`,
      );
      const attempt = tryAt(guard, 'ann', '198.51.100.7');
      assert.ok(attempt !== null);
      attempt.succeeded();
    }
  });

  it('holds up an address that tries many accounts', () => {
    const guard = new LoginGuard(new ManualClock());
    let accounts = 0;
    while (tryAt(guard, `user${accounts}`, '198.51.100.7') !== null) accounts += 1;
    assert.equal(accounts, LIMITS.loginAddressFreeMax.value);
    assert.ok(tryAt(guard, 'user0', '198.51.100.8') !== null);
  });

  it('is not reset by an attacker who signs in to an account of his own', () => {
    const guard = new LoginGuard(new ManualClock());
    let accounts = 0;
    for (; tryAt(guard, `user${accounts}`, '198.51.100.7') !== null; accounts += 1) {
      tryAt(guard, 'mallory', '198.51.100.7')?.succeeded();
      assert.ok(accounts < 100);
    }
    assert.equal(accounts, LIMITS.loginAddressFreeMax.value);
  });

  it('holds up new addresses when many try one account, and not those that its owner used', () => {
    const guard = new LoginGuard(new ManualClock());
    tryAt(guard, 'ann', '203.0.113.20')?.succeeded();
    const addressOf = (at: number): string => `198.51.${at >> 8}.${at & 255}`;
    assert.equal(reached(guard, 1_000, 'ann', addressOf), LIMITS.loginAccountFreeMax.value);
    assert.equal(tryAt(guard, 'ann', '192.0.2.1'), null);
    assert.ok(tryAt(guard, 'ann', '203.0.113.20') !== null);
    assert.ok(tryAt(guard, 'bob', '192.0.2.1') !== null);
  });

  it('takes a network of IPv6, both spellings of an address, and any case of a name as one', () => {
    const guard = new LoginGuard(new ManualClock());
    assert.equal(
      reached(guard, 50, 'ann', (at) => `2001:db8::${at.toString(16)}`),
      5,
    );
    assert.ok(tryAt(guard, 'ann', '2001:db8:0:1::1') !== null);
    const spellings = ['10.0.0.1', '::ffff:10.0.0.1', '::ffff:a00:1'];
    assert.equal(
      reached(guard, 50, 'bob', (at) => spellings[at % 3] as string),
      5,
    );
    assert.equal(
      reached(guard, 50, 'Eve', () => '10.0.0.2') + reached(guard, 50, 'eve', () => '10.0.0.2'),
      5,
    );
  });

  it('does not count what was taken back', () => {
    const guard = new LoginGuard(new ManualClock());
    for (let at = 0; at < 200; at += 1) {
      const attempt = tryAt(guard, 'ann', '10.0.0.1');
      assert.ok(attempt !== null, `attempt ${at}`);
      attempt.takeBack();
    }
  });

  it('counts attempts that run at the same time', () => {
    const guard = new LoginGuard(new ManualClock());
    const attempts = Array.from({ length: 20 }, () => tryAt(guard, 'ann', '10.0.0.1'));
    assert.equal(attempts.filter((one) => one !== null).length, 5, 'none waits for the outcome of another');
  });
});

describe('failure counters', () => {
  it('forget after an hour without a failure', () => {
    const counters = new FailureCounters(2);
    for (let at = 0; at < 5; at += 1) counters.add('a', 0);
    assert.equal(counters.waitMs('a', 0), 8_000);
    counters.add('a', LIMITS.loginForgetMs.value);
    assert.equal(counters.waitMs('a', LIMITS.loginForgetMs.value), 0);
  });

  it('stay within their limit and forget the quietest first', () => {
    const counters = new FailureCounters(1);
    const max = LIMITS.loginCountersMax.value;
    counters.add('kept', 0);
    for (let at = 0; at < max - 1; at += 1) counters.add(`k${at}`, 0);
    counters.add('kept', 0);
    counters.add('one more', 0);
    assert.equal(counters.size, max);
    assert.ok(counters.waitMs('kept', 0) > 0);
    assert.equal(counters.waitMs('k0', 0), 0);
  });
});
