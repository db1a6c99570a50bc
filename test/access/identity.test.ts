import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Identity } from '../../src/access/identity.ts';
import { fullGrant } from '../../src/access/rights/grant.ts';
import { hotp, totpStep } from '../../src/access/second_factor/totp.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { rejectsWith } from '../conformance/harness.ts';
import { addUser, becomeAnn, createRig, PASSWORD, type Rig } from './rig.ts';

const HOME = '203.0.113.20';
const ELSEWHERE = '198.51.100.7';
const DAY_MS = 24 * 3_600_000;

const logIn = (
  identity: Identity,
  more: { name?: string; password?: string; code?: string; address?: string } = {},
) => identity.logIn({ name: 'ann', password: PASSWORD, address: HOME, ...more });

/** The code that an authenticator shows now, computed from the URI that was shown. */
function codeOf({ ports }: Rig, uri: string, stepsAhead = 0): string {
  const text = new URL(uri).searchParams.get('secret') as string;
  const bits = [...text].map((letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  );
  const bytes = bits
    .join('')
    .match(/.{8}/g)
    ?.map((eight) => Number.parseInt(eight, 2));
  return hotp(ports.crypto, Uint8Array.from(bytes ?? []), totpStep(ports.clock.wallMs()) + stepsAhead);
}

/** Gives ann an authenticator; the URI of its secret and the recovery codes. */
async function enrol(rig: Rig, identity: Identity, userId: string) {
  const uri = await identity.secondFactors.begin(userId, 'Causeway');
  const recovery = await identity.secondFactors.confirm(userId, codeOf(rig, uri));
  await rig.ports.clock.advance(LIMITS.totpStepMs.value);
  return { uri, recovery };
}

describe('the first administrator', () => {
  it('is made by a link that works once, and only while there is nobody', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const first = await identity.links.issueFirst();
    const second = await identity.links.issueFirst();
    await rejectsWith(identity.becomeFirst(first!.text, 'ann', PASSWORD), 'CW_AUTH_LINK');
    await rejectsWith(identity.becomeFirst(second!.text, 'ann', 'short'), 'CW_PASSWORD_WEAK');
    await rejectsWith(identity.becomeFirst(second!.text, 'An n', PASSWORD), 'CW_USER_NAME');
    await identity.becomeFirst(second!.text, 'Ann', PASSWORD);
    await rejectsWith(identity.becomeFirst(second!.text, 'eve', PASSWORD), 'CW_AUTH_LINK');
    assert.equal(await identity.links.issueFirst(), null);
    assert.deepEqual(
      identity.users.list().map((user) => user.name),
      ['ann'],
    );
    const { cookie } = await logIn(await rig.identity());
    assert.deepEqual((await rig.identity()).bySession(cookie)?.grants, [fullGrant('admin')]);
  });

  it('is made once, also when two use the link at the same moment', async (t) => {
    const identity = await (await createRig(t)).identity();
    const link = await identity.links.issueFirst();
    const outcomes = await Promise.allSettled(
      ['ann', 'eve'].map((name) => identity.becomeFirst(link!.text, name, PASSWORD)),
    );
    assert.deepEqual(outcomes.map((one) => one.status).sort(), ['fulfilled', 'rejected']);
    assert.equal(identity.users.list().length, 1);
  });

  it('is not made by a link that has expired', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const link = await identity.links.issueFirst();
    await rig.ports.clock.advance(LIMITS.oneTimeLinkLifeMs.value);
    await rejectsWith(identity.becomeFirst(link!.text, 'ann', PASSWORD), 'CW_AUTH_LINK');
  });
});

describe('signing in', () => {
  it('tells nobody what of it was wrong', async (t) => {
    const identity = await (await createRig(t)).identity();
    const annId = await becomeAnn(identity);
    const bobId = await addUser(identity, 'bob', [fullGrant('viewer')]);
    await identity.users.setDisabled(bobId, true);
    await identity.users.add('new', [fullGrant('viewer')]);
    const attempts = [
      { password: 'wrong horse battery' },
      { name: 'nobody' },
      { name: 'bob' },
      { name: 'new' },
    ];
    const messages = await Promise.all(
      attempts.map((one) => logIn(identity, one).catch((error) => `${error.code} ${error.message}`)),
    );
    assert.equal(new Set(messages).size, 1, messages.join('\n'));
    assert.match(String(messages[0]), /^CW_AUTH_WRONG/);
    assert.equal(identity.bySession((await logIn(identity, { name: 'ANN ' })).cookie)?.userId, annId);
  });

  it('a thousand times wrong locks that address out, and nobody elsewhere', async (t) => {
    const identity = await (await createRig(t)).identity();
    await becomeAnn(identity);
    const codes: string[] = [];
    for (let at = 0; at < 1_000; at += 1) {
      await logIn(identity, { password: `wrong horse ${at}`, address: ELSEWHERE }).catch((error) =>
        codes.push(error.code),
      );
    }
    assert.equal(codes.filter((code) => code === 'CW_AUTH_WRONG').length, LIMITS.loginFailuresFreeMax.value);
    assert.equal(codes.filter((code) => code === 'CW_AUTH_LOCKED').length, 995);
    await rejectsWith(logIn(identity, { address: ELSEWHERE }), 'CW_AUTH_LOCKED');
    await logIn(identity, { address: HOME });
  });

  it('hashes the password anew once it costs more', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const annId = await becomeAnn(identity);
    const before = identity.users.get(annId);
    const { Identity } = await import('../../src/access/identity.ts');
    const { Passwords } = await import('../../src/access/passwords/passwords.ts');
    const raised = new Passwords(rig.ports, { memoryBytes: 128 * 1024, passes: 2, lanes: 1 });
    const later = await Identity.open(
      rig.ports,
      await rig.vault(),
      { dir: rig.dir, dirPath: rig.path },
      raised,
    );
    await logIn(later);
    const after = later.users.get(annId);
    assert.match(before.password!, /m=64,t=1/);
    assert.match(after.password!, /m=128,t=2/);
    assert.equal(after.epoch, before.epoch, 'nobody is signed out for it');
    await logIn(later);
    assert.equal(later.users.get(annId).password, after.password);
  });
});

describe('second factors', () => {
  it('are asked for, and no code works twice, also after a restart', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const annId = await becomeAnn(identity);
    const { uri } = await enrol(rig, identity, annId);
    await rejectsWith(logIn(identity), 'CW_AUTH_SECOND_FACTOR');
    await rejectsWith(logIn(identity, { password: 'wrong horse battery' }), 'CW_AUTH_WRONG');
    await rejectsWith(logIn(identity, { code: '000000' }), 'CW_AUTH_WRONG');
    const code = codeOf(rig, uri);
    const { cookie } = await logIn(identity, { code });
    assert.equal(identity.bySession(cookie)?.secondFactor, true);
    await rejectsWith(logIn(identity, { code }), 'CW_AUTH_WRONG');
    await rejectsWith(logIn(await rig.identity(), { code }), 'CW_AUTH_WRONG');
    await logIn(identity, { code: codeOf(rig, uri, 1) });
  });

  it('let one of several in that show the same code at the same moment', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const { uri } = await enrol(rig, identity, await becomeAnn(identity));
    const code = codeOf(rig, uri);
    const outcomes = await Promise.allSettled(
      [1, 2, 3].map((at) => logIn(identity, { code, address: `10.0.0.${at}` })),
    );
    assert.equal(outcomes.filter((one) => one.status === 'fulfilled').length, 1);
  });

  it('count only once a code of them was seen, and then their codes do not work again', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const annId = await becomeAnn(identity);
    const uri = await identity.secondFactors.begin(annId, 'Causeway');
    await logIn(identity);
    await rejectsWith(identity.secondFactors.confirm(annId, '000000'), 'CW_AUTH_CODE');
    const code = codeOf(rig, uri);
    await identity.secondFactors.confirm(annId, code);
    await rejectsWith(identity.secondFactors.confirm(annId, code), 'CW_AUTH_CODE');
    await rejectsWith(logIn(identity, { code }), 'CW_AUTH_WRONG');
  });

  it('are stood in for by recovery codes, each once', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const annId = await becomeAnn(identity);
    const { recovery } = await enrol(rig, identity, annId);
    await logIn(identity, { code: recovery[0]!.toLowerCase() });
    await rejectsWith(logIn(identity, { code: recovery[0]! }), 'CW_AUTH_WRONG');
    await logIn(await rig.identity(), { code: recovery[1]! });
    const renewed = await identity.secondFactors.renewRecoveryCodes(annId);
    await rejectsWith(logIn(identity, { code: recovery[2]! }), 'CW_AUTH_WRONG');
    await logIn(identity, { code: renewed[0]! });
  });

  it('are sealed on disk, and open after a change of the master key', async (t) => {
    const rig = await createRig(t);
    const vault = await rig.vault();
    const { Identity } = await import('../../src/access/identity.ts');
    const identity = await Identity.open(rig.ports, vault, { dir: rig.dir, dirPath: rig.path });
    const { id } = await identity.users.add('bob', [fullGrant('viewer')]);
    const { uri, recovery } = await enrol(rig, identity, id);
    const text = readFileSync(join(rig.path, 'users.json'), 'utf8');
    assert.ok(!text.includes(new URL(uri).searchParams.get('secret')!));
    assert.ok(recovery.every((code) => !text.includes(code)));
    await vault.rotate();
    await identity.secondFactors.rewrap();
    await vault.forgetOlder();
    assert.ok(await (await rig.identity()).secondFactors.use(id, codeOf(rig, uri)));
  });

  it('are gone when they are cleared, and all sessions with them', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const annId = await becomeAnn(identity);
    const { uri } = await enrol(rig, identity, annId);
    const { cookie } = await logIn(identity, { code: codeOf(rig, uri) });
    await identity.secondFactors.clear(annId);
    assert.equal(identity.bySession(cookie), null);
    await logIn(identity);
  });
});

describe('sessions', () => {
  it('outlive the daemon, and end when idle, when old, and when signed out', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    await becomeAnn(identity);
    const [idle, old, out] = [await logIn(identity), await logIn(identity), await logIn(identity)];
    assert.notEqual((await rig.identity()).bySession(old.cookie), null);
    await identity.sessions.end(out.session.id);
    assert.equal(identity.bySession(out.cookie), null);
    const halfIdleMs = LIMITS.loginSessionIdleMs.value / 2;
    for (let passedMs = halfIdleMs; passedMs < LIMITS.loginSessionLifeMs.value; passedMs += halfIdleMs) {
      await rig.ports.clock.advance(halfIdleMs);
      assert.notEqual(identity.bySession(old.cookie), null, `after ${passedMs} ms`);
    }
    assert.equal(identity.bySession(idle.cookie), null);
    await identity.flush();
    assert.notEqual((await rig.identity()).bySession(old.cookie), null, 'the last use is stored by a flush');
    await rig.ports.clock.advance(halfIdleMs);
    assert.equal(identity.bySession(old.cookie), null);
    await identity.flush();
    assert.deepEqual(JSON.parse(readFileSync(join(rig.path, 'sessions.json'), 'utf8')).body, {
      sessions: [],
    });
  });

  it('end with a new password, and when the user is disabled or removed', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    await becomeAnn(identity);
    const bobId = await addUser(identity, 'bob', [fullGrant('viewer')]);
    const asBob = { name: 'bob' };
    const first = await logIn(identity, asBob);
    await rejectsWith(
      identity.changePassword(bobId, { old: 'wrong', new: 'another horse battery', address: HOME }),
      'CW_AUTH_WRONG',
    );
    assert.notEqual(identity.bySession(first.cookie), null);
    await identity.changePassword(bobId, { old: PASSWORD, new: 'another horse battery', address: HOME });
    assert.equal(identity.bySession(first.cookie), null);
    const second = await logIn(identity, { ...asBob, password: 'another horse battery' });
    await identity.users.setDisabled(bobId, true);
    assert.equal(identity.bySession(second.cookie), null);
    await identity.users.setDisabled(bobId, false);
    assert.equal(identity.bySession(second.cookie), null, 'what ended stays so');
    const third = await logIn(identity, { ...asBob, password: 'another horse battery' });
    await identity.users.remove(bobId);
    assert.equal(identity.bySession(third.cookie), null);
    assert.equal((await rig.identity()).bySession(third.cookie), null);
  });

  it('are limited for each user, the oldest ends first', async (t) => {
    const identity = await (await createRig(t)).identity();
    await becomeAnn(identity);
    const cookies: string[] = [];
    for (let at = 0; at <= LIMITS.loginSessionsPerUserMax.value; at += 1)
      cookies.push((await logIn(identity)).cookie);
    assert.deepEqual(
      cookies.map((cookie) => identity.bySession(cookie) !== null),
      cookies.map((_, at) => at > 0),
    );
    assert.equal(
      identity.sessions.list(identity.users.byName('ann')!).length,
      LIMITS.loginSessionsPerUserMax.value,
    );
  });

  it('have a proof of origin of their own', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    await becomeAnn(identity);
    const [one, two] = [await logIn(identity), await logIn(identity)];
    assert.ok(identity.sessions.isCsrf(one.cookie, one.csrf));
    assert.ok((await rig.identity()).sessions.isCsrf(one.cookie, one.csrf));
    assert.ok(!identity.sessions.isCsrf(one.cookie, two.csrf));
    assert.ok(!identity.sessions.isCsrf(one.cookie, ''));
    assert.ok(!identity.sessions.isCsrf('', one.csrf));
  });

  it('are stored without their secret', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    await becomeAnn(identity);
    const { cookie } = await logIn(identity);
    assert.ok(!readFileSync(join(rig.path, 'sessions.json'), 'utf8').includes(cookie.slice(-43)));
  });
});

describe('tokens', () => {
  const request = (userId: string, lifeMs = DAY_MS) => ({
    userId,
    label: 'backup job',
    bound: [fullGrant('operator')],
    lifeMs,
  });

  it('work until they expire or are revoked, also after a restart', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const annId = await becomeAnn(identity);
    const { text, token } = await identity.tokens.issue(request(annId));
    const other = await identity.tokens.issue(request(annId));
    const principal = (await rig.identity()).byToken(text);
    assert.equal(principal?.kind, 'token');
    assert.deepEqual(principal?.bound, [fullGrant('operator')]);
    assert.equal(principal?.name, `ann (token ${token.id})`);
    await identity.tokens.revoke(token.id);
    await rejectsWith(identity.tokens.revoke(token.id), 'CW_TOKEN_UNKNOWN');
    assert.equal(identity.byToken(text), null);
    assert.notEqual(identity.byToken(other.text), null);
    await rig.ports.clock.advance(DAY_MS);
    assert.equal(identity.byToken(other.text), null);
    await identity.flush();
    assert.deepEqual(identity.tokens.list(), []);
  });

  it('of a deleted or disabled user are refused at once', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    await becomeAnn(identity);
    const bobId = await addUser(identity, 'bob', [fullGrant('operator')]);
    const { text } = await identity.tokens.issue(request(bobId));
    await identity.users.setDisabled(bobId, true);
    assert.equal(identity.byToken(text), null);
    await identity.users.setDisabled(bobId, false);
    assert.notEqual(identity.byToken(text), null);
    await identity.users.remove(bobId);
    assert.equal(identity.byToken(text), null);
    assert.equal((await rig.identity()).byToken(text), null);
    assert.ok(!readFileSync(join(rig.path, 'users.json'), 'utf8').includes(bobId));
  });

  it('are refused a life that is too long, a scope that cannot be read, and a user that is not there', async (t) => {
    const identity = await (await createRig(t)).identity();
    const annId = await becomeAnn(identity);
    await rejectsWith(identity.tokens.issue(request(annId, LIMITS.tokenLifeMaxMs.value + 1)), 'CW_USAGE');
    await rejectsWith(identity.tokens.issue(request(annId, 0)), 'CW_USAGE');
    await rejectsWith(identity.tokens.issue(request(annId, Number.NaN)), 'CW_USAGE');
    await rejectsWith(
      identity.tokens.issue({ ...request(annId), bound: [{ role: 'viewer', scopes: ['x'] }] }),
      'CW_USAGE',
    );
    await rejectsWith(identity.tokens.issue(request('0123456789abcdef')), 'CW_USER_UNKNOWN');
  });

  it('remember when they were used last', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const annId = await becomeAnn(identity);
    const { text } = await identity.tokens.issue(request(annId));
    assert.equal(identity.tokens.list(annId)[0]?.lastUsedAtMs, null);
    await rig.ports.clock.advance(5_000);
    identity.byToken(text);
    const usedAtMs = rig.ports.clock.wallMs();
    assert.equal(identity.tokens.list(annId)[0]?.lastUsedAtMs, usedAtMs);
    await identity.flush();
    assert.equal((await rig.identity()).tokens.list(annId)[0]?.lastUsedAtMs, usedAtMs);
    assert.deepEqual(identity.tokens.list('0123456789abcdef'), []);
  });
});

describe('users', () => {
  it('always keep one who can manage them', async (t) => {
    const identity = await (await createRig(t)).identity();
    const annId = await becomeAnn(identity);
    const weaker = [{ ...fullGrant('admin'), when: { untilMs: 1e15 } }];
    for (const change of [
      () => identity.users.remove(annId),
      () => identity.users.setDisabled(annId, true),
      () => identity.users.setGrants(annId, [fullGrant('operator')]),
      () => identity.users.setGrants(annId, weaker),
    ]) {
      await rejectsWith(change(), 'CW_USER_LAST_ADMIN');
    }
    const { id: newId } = await identity.users.add('bob', [fullGrant('admin')]);
    await rejectsWith(identity.users.remove(annId), 'CW_USER_LAST_ADMIN');
    await identity.setPasswordByLink((await identity.links.issueFor(newId)).text, PASSWORD);
    await identity.users.remove(annId);
  });

  it('are told apart by name in any case, and keep what they are granted', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    const grants = [
      { role: 'operator' as const, scopes: ['vm:web-*'], when: { secondFactor: true as const } },
    ];
    const { id } = await identity.users.add('Bob', grants);
    await rejectsWith(identity.users.add('bOB', grants), 'CW_USER_EXISTS');
    await rejectsWith(identity.users.add('', grants), 'CW_USER_NAME');
    await rejectsWith(identity.users.add('eve', [{ role: 'viewer', scopes: ['vm:'] }]), 'CW_USAGE');
    assert.deepEqual((await rig.identity()).users.get(id).grants, grants);
  });

  it('that are there are told of each change, so that what is open can be decided again', async (t) => {
    const identity = await (await createRig(t)).identity();
    const annId = await becomeAnn(identity);
    const told: string[] = [];
    const stop = identity.users.onChange((userId) => told.push(userId));
    const { id } = await identity.users.add('bob', [fullGrant('viewer')]);
    const { token } = await identity.tokens.issue({ userId: id, label: '', bound: [], lifeMs: DAY_MS });
    await identity.users.setGrants(annId, [fullGrant('admin')]);
    await identity.tokens.revoke(token.id);
    await identity.users.remove(id);
    assert.deepEqual(told, [id, id, annId, id, id]);
    stop();
    await identity.users.endSessions(annId);
    assert.equal(told.length, 5);
  });

  it('set a password by a link that works once', async (t) => {
    const rig = await createRig(t);
    const identity = await rig.identity();
    await becomeAnn(identity);
    const { id } = await identity.users.add('bob', [fullGrant('viewer')]);
    const replaced = await identity.links.issueFor(id);
    const link = await identity.links.issueFor(id);
    await rejectsWith(identity.setPasswordByLink(replaced.text, PASSWORD), 'CW_AUTH_LINK');
    await rejectsWith(identity.setPasswordByLink(link.text, 'bobbobbobbob'), 'CW_PASSWORD_WEAK');
    await rejectsWith(identity.becomeFirst(link.text, 'eve', PASSWORD), 'CW_AUTH_LINK');
    await identity.setPasswordByLink(link.text, PASSWORD);
    await rejectsWith(identity.setPasswordByLink(link.text, PASSWORD), 'CW_AUTH_LINK');
    await logIn(identity, { name: 'bob' });
    const late = await identity.links.issueFor(id);
    await identity.users.remove(id);
    await rejectsWith(identity.setPasswordByLink(late.text, PASSWORD), 'CW_AUTH_LINK');
  });

  it('of a damaged file are not guessed', async (t) => {
    const rig = await createRig(t);
    await becomeAnn(await rig.identity());
    const { writeFileSync } = await import('node:fs');
    const path = join(rig.path, 'users.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"admin"', '"owner"'));
    await rejectsWith(rig.identity(), 'CW_DAEMON_STATE');
  });
});
