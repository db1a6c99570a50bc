import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Argon2Cost, Cryptography } from '../../world/cryptography.ts';
import { createNodeCryptography } from '../../world/node/cryptography.ts';
import { createNodeRandom } from '../../world/node/random.ts';
import { checkNewPassword } from './password_rules.ts';
import { PASSWORD_COST, Passwords } from './passwords.ts';
import { formatPhc, parsePhc } from './phc.ts';

const CHEAP: Argon2Cost = { memoryBytes: 64 * 1024, passes: 1, lanes: 1 };
const real = createNodeCryptography();
const random = createNodeRandom();

interface Counted {
  readonly crypto: Cryptography;
  /** Cost of every computation. */
  readonly costs: Argon2Cost[];
  atOnce: number;
}

/** The real primitives, watched. */
function counting(): Counted {
  let running = 0;
  const counted: Counted = { crypto: { ...real, argon2id: run }, costs: [], atOnce: 0 };
  async function run(...args: Parameters<Cryptography['argon2id']>): Promise<Uint8Array> {
    counted.costs.push(args[2]);
    running += 1;
    counted.atOnce = Math.max(counted.atOnce, running);
    const hash = await real.argon2id(...args);
    running -= 1;
    return hash;
  }
  return counted;
}

const cheap = (): Passwords => new Passwords({ crypto: real, random }, CHEAP);

describe('password hashes', () => {
  it('match the password only', async () => {
    const passwords = cheap();
    const stored = await passwords.hash('correct horse battery');
    assert.match(stored, /^\$argon2id\$v=19\$m=64,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    assert.deepEqual(await passwords.check('correct horse battery', stored), {
      matches: true,
      outdated: false,
    });
    assert.deepEqual(await passwords.check('correct horse batterz', stored), {
      matches: false,
      outdated: false,
    });
    assert.notEqual(await passwords.hash('correct horse battery'), stored, 'every hash has its own salt');
  });

  it('accept the same text typed as composed and as decomposed characters', async () => {
    const passwords = cheap();
    const stored = await passwords.hash('schön blaue Tür');
    assert.ok((await passwords.check('scho\u0308n blaue Tu\u0308r', stored)).matches);
  });

  it('are outdated once the cost was changed', async () => {
    const stored = await cheap().hash('correct horse battery');
    const raised = new Passwords({ crypto: real, random }, { ...CHEAP, passes: 2 });
    assert.deepEqual(await raised.check('correct horse battery', stored), { matches: true, outdated: true });
    assert.deepEqual(await raised.check('wrong horse battery', stored), { matches: false, outdated: false });
  });

  it('cost by default what RFC 9106 asks for', async () => {
    const stored = await new Passwords({ crypto: real, random }).hash('correct horse battery');
    assert.match(stored, /^\$argon2id\$v=19\$m=65536,t=3,p=1\$/);
    assert.equal(PASSWORD_COST.memoryBytes, 64 * 1024 * 1024);
  });

  it('do the same work for a user that does not exist', async () => {
    const watched = counting();
    const passwords = new Passwords({ crypto: watched.crypto, random }, CHEAP);
    const stored = await passwords.hash('correct horse battery');
    await passwords.check('wrong horse battery', stored);
    assert.deepEqual(await passwords.check('wrong horse battery', null), { matches: false, outdated: false });
    assert.deepEqual(watched.costs, [CHEAP, CHEAP, CHEAP]);
  });

  it('run a few at a time, and refuse what would wait too long', async () => {
    const watched = counting();
    const passwords = new Passwords({ crypto: watched.crypto, random }, CHEAP);
    const accepted = LIMITS.passwordChecksMax.value + LIMITS.passwordChecksWaitingMax.value;
    const outcomes = await Promise.allSettled(
      Array.from({ length: accepted + 3 }, () => passwords.check('some password', null)),
    );
    const failures = outcomes.filter((one) => one.status === 'rejected').map((one) => one.reason);
    assert.equal(failures.length, 3);
    assert.ok(failures.every((one) => one instanceof CausewayError && one.code === 'CW_AUTH_BUSY'));
    assert.equal(watched.atOnce, LIMITS.passwordChecksMax.value);
    assert.deepEqual(await passwords.check('some password', null), { matches: false, outdated: false });
  });

  it('are not computed for a text longer than any password', async () => {
    const watched = counting();
    const passwords = new Passwords({ crypto: watched.crypto, random }, CHEAP);
    assert.ok(!(await passwords.check('x'.repeat(LIMITS.passwordMaxBytes.value + 1), null)).matches);
    assert.ok(!(await passwords.check('\ufdfa'.repeat(600), null)).matches, 'long once normalised');
    assert.deepEqual(watched.costs, []);
  });
});

describe('the PHC form', () => {
  it('gives back what it was made of', () => {
    const hashed = { cost: CHEAP, salt: random.bytes(16), hash: random.bytes(32) };
    assert.deepEqual(parsePhc(formatPhc(hashed)), hashed);
  });

  it('refuses other algorithms, versions and forms', () => {
    const good = formatPhc({ cost: CHEAP, salt: random.bytes(16), hash: random.bytes(32) });
    for (const bad of [
      '',
      good.replace('argon2id', 'argon2i'),
      good.replace('v=19', 'v=16'),
      good.replace('m=64', 'm=7'),
      good.replace('t=1', 't=0'),
      good.replace('p=1', 'p=0'),
      good.replace('m=64,', ''),
      `${good}\n`,
      `${good}$`,
    ]) {
      assert.equal(parsePhc(bad), null, bad);
    }
  });

  it('of a damaged store is said, not taken for a wrong password', async () => {
    await assert.rejects(cheap().check('some password', 'plain'), { code: 'CW_DAEMON_STATE' });
  });
});

describe('a new password', () => {
  it('is refused where it is weak', () => {
    for (const [password, reason] of [
      ['short', /at least 12 characters/],
      ['😀😁😂😃😄😅😆😇😈', /at least 12 characters/],
      ['ababababababab', /5 different/],
      ['administrator1', /more than the name/],
      [`${'long '.repeat(300)}`, /at most 1024 bytes/],
    ] as const) {
      assert.throws(
        () => checkNewPassword(password, 'administrator'),
        (error) =>
          error instanceof CausewayError && error.code === 'CW_PASSWORD_WEAK' && reason.test(error.message),
        password,
      );
    }
  });

  it('is accepted where it is long enough, in any script', () => {
    for (const password of [
      'correct horse battery',
      '密码很长很长而且没有人会猜到它',
      'administrator likes tea',
    ]) {
      checkNewPassword(password, 'administrator');
    }
  });
});
