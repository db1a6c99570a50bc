import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonRig, PASSWORD } from './rig.ts';
import { totpOf } from './totp_of.ts';

const ATTEMPTS = 1_000;

function codeOf(answer: { readonly json: unknown }): string {
  return (answer.json as { code?: string } | null)?.code ?? '';
}

/** Parts of a daemon that has nothing to serve yet. */
const PARTS = Object.fromEntries(
  ['console', 'dialer', 'metrics', 'notifier', 'scheduler'].map((name) => [name, 'running']),
);

describe('guessing a password', () => {
  it(`is held up: ${ATTEMPTS} attempts from one address, and the owner signs in from another`, async (t) => {
    const rig = await DaemonRig.start(t);
    await rig.ann();
    const guesser = rig.client('127.0.0.66');
    const counts = new Map<string, number>();
    for (let at = 0; at < ATTEMPTS; at += 20) {
      const batch = Array.from({ length: 20 }, (_, more) =>
        guesser.tryCall('logIn', {}, { name: 'ann', password: `guess ${at + more} of a password` }),
      );
      for (const answer of await Promise.all(batch)) {
        const code = codeOf(answer);
        counts.set(code, (counts.get(code) ?? 0) + 1);
        if (code === 'CW_AUTH_LOCKED') {
          assert.equal(answer.status, 429);
          assert.ok(Number(answer.headers['retry-after']) >= 1);
        }
      }
    }
    assert.deepEqual([...counts.keys()].sort(), ['CW_AUTH_LOCKED', 'CW_AUTH_WRONG']);
    const looked = counts.get('CW_AUTH_WRONG') ?? 0;
    assert.ok(looked <= 20, `${looked} guesses were looked at`);
    const right = await guesser.tryCall('logIn', {}, { name: 'ann', password: PASSWORD });
    assert.equal(codeOf(right), 'CW_AUTH_LOCKED', 'the right one tells nothing more');
    const owner = rig.client('127.0.0.77');
    await owner.logIn('ann', PASSWORD);
    const { records } = await owner.call(
      'searchAudit',
      {},
      { action: 'session.start', outcome: 'refused', limit: 1_000 },
    );
    assert.ok(records.length >= 2 && records.length < 100, `${records.length} records`);
    assert.ok(records.every(({ actor }) => actor.address === '127.0.0.66'));
  });

  it('of a name that nobody has is answered alike', async (t) => {
    const rig = await DaemonRig.start(t);
    await rig.ann();
    const client = rig.client('127.0.0.67');
    const wrong = await client.tryCall('logIn', {}, { name: 'ann', password: 'not this password' });
    const unknown = await client.tryCall('logIn', {}, { name: 'bob', password: 'not this password' });
    assert.equal(wrong.text, unknown.text);
    assert.equal(wrong.status, unknown.status);
  });
});

describe('a second factor', () => {
  it('is asked for, and each of its codes works once, also over a restart', async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    const { secret } = await ann.call('beginTotp', {}, {});
    const startMs = Date.now();
    const early = totpOf(secret, startMs - 30_000);
    const now = totpOf(secret, startMs);
    assert.equal(codeOf(await ann.tryCall('confirmTotp', {}, { code: '12345' })), 'CW_AUTH_CODE');
    await ann.call('confirmTotp', {}, { code: early });
    const client = rig.client();
    const login = (code?: string) =>
      client.tryCall('logIn', {}, { name: 'ann', password: PASSWORD, ...(code && { code }) });
    assert.equal(codeOf(await login()), 'CW_AUTH_SECOND_FACTOR');
    assert.equal(codeOf(await login(early)), 'CW_AUTH_WRONG', 'used by the enrolment');
    assert.equal((await login(now)).status, 200);
    assert.equal(codeOf(await login(now)), 'CW_AUTH_WRONG', 'used');
    client.csrf = (await client.call('me', {})).csrf;
    assert.equal(codeOf(await client.tryCall('clearTotp', {}, { code: now })), 'CW_AUTH_WRONG');
    assert.equal(
      codeOf(await client.tryCall('beginTotp', {}, {})),
      'CW_AUTH_WRONG',
      'needs a code of the old one',
    );
    const folder = rig.folder;
    await rig.daemon.close();
    const again = await DaemonRig.start(null, folder);
    try {
      const later = again.client();
      const answer = await later.tryCall('logIn', {}, { name: 'ann', password: PASSWORD, code: now });
      assert.equal(codeOf(answer), 'CW_AUTH_WRONG');
      assert.equal((await meOf(again, client.cookie)).status, 200, 'who was signed in still is');
    } finally {
      await again.daemon.close();
    }
  });
});

function meOf(rig: DaemonRig, cookie: string | null) {
  const client = rig.client();
  client.cookie = cookie;
  return client.tryCall('me', {});
}

describe('who watches over the daemon', () => {
  it('learns that it lives and takes work, without a sign-in', async (t) => {
    const rig = await DaemonRig.start(t);
    const client = rig.client();
    for (const path of ['/healthz', '/readyz']) {
      const { status, json } = await client.send(path);
      const told = path === '/readyz' ? { ready: true } : { alive: true, parts: PARTS };
      assert.deepEqual([status, json], [200, told], path);
    }
  });

  it('is shut out by the allow list, which this machine passes', async (t) => {
    const rig = await DaemonRig.start(t);
    await rig.socket.call('setAllow', {}, { networks: ['192.0.2.0/24'] });
    assert.equal((await rig.client().send('/healthz')).status, 200);
    assert.ok(
      !rig.daemon.access.allow.permits('198.51.100.1') && rig.daemon.access.allow.permits('192.0.2.9'),
    );
  });
});
