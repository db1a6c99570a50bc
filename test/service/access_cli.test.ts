import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../interop/rig.ts';
import { DaemonRig, PASSWORD } from './rig.ts';
import { totpOf } from './totp_of.ts';

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('the commands for users, tokens, second factors, the allow list and the audit log', () => {
  let rig: DaemonRig;
  before(async () => {
    rig = await DaemonRig.start();
  });
  after(() => rig[Symbol.asyncDispose]());

  /** `answer` gets what was printed, and gives what is typed then. */
  function causeway(args: readonly string[], answer?: (out: string) => string | null): Promise<Ran> {
    const argv = ['--disable-warning=ExperimentalWarning', join(ROOT, 'src/cli/main.ts'), '--data', rig.data];
    const child = spawn(process.execPath, [...argv, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    const look = () => {
      const text = answer?.(out) ?? null;
      if (text !== null) child.stdin.end(`${text}\n`);
    };
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      out += piece;
      look();
    });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      err += piece;
    });
    look();
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
  }

  it('make users, whose password is typed and shown nowhere', async () => {
    const added = await causeway(['user', 'add', 'ann', '--role', 'admin', '--json']);
    assert.equal(added.code, 0, added.err);
    assert.match(JSON.parse(added.out).link.url, /#\/welcome\/cwi_/);
    assert.equal((await causeway(['user', 'passwd', 'ann'], () => 'short')).code, 2);
    const set = await causeway(['user', 'passwd', 'ann'], () => PASSWORD);
    assert.equal(set.code, 0, set.err);
    assert.ok(!`${set.out}${set.err}`.includes(PASSWORD));
    await rig.client().logIn('ann', PASSWORD);
    const scoped = await causeway([
      'user',
      'add',
      'bob',
      '--role',
      'operator',
      '--scope',
      'vm:web-*',
      '--scope',
      'host:/srv',
    ]);
    assert.match(scoped.out, /bob may be operator on vm:web-\*, host:\/srv/);
    assert.equal((await causeway(['user', 'add', 'eve', '--role', 'king'])).code, 2);
    assert.equal((await causeway(['user', 'add', 'eve', '--role', 'viewer', '--scope', 'nonsense'])).code, 2);
    assert.equal((await causeway(['user', 'show', 'nobody'])).code, 4);
    assert.match((await causeway(['user', 'ls'])).out, /^NAME +MAY[\s\S]*ann +admin +no +active/);
    const disabled = await causeway(['user', 'set', 'bob', '--disable', '--json']);
    assert.equal(JSON.parse(disabled.out).disabled, true);
    assert.equal((await causeway(['user', 'set', 'bob'])).code, 2);
    assert.equal((await causeway(['user', 'rm', 'bob'])).code, 0);
    const last = await causeway(['user', 'rm', 'ann', '--json']);
    assert.deepEqual([last.code, JSON.parse(last.out).error.code], [4, 'CW_USER_LAST_ADMIN']);
  });

  it('make tokens that work until they are revoked', async () => {
    const made = await causeway([
      'token',
      'create',
      'ann',
      '--label',
      'cron',
      '--role',
      'viewer',
      '--days',
      '1',
    ]);
    assert.equal(made.code, 0, made.err);
    assert.match(made.out, /^cwt_\w{16}_[\w-]{43}\n$/);
    const client = rig.client();
    client.token = made.out.trim();
    assert.equal((await client.call('me', {})).kind, 'token');
    const [token] = JSON.parse((await causeway(['token', 'ls', '--json'])).out);
    assert.equal(token.label, 'cron');
    assert.equal((await causeway(['token', 'rm', token.id])).code, 0);
    assert.equal((await client.tryCall('me', {})).status, 401);
  });

  it('turn an authenticator on by its first code, and off', async () => {
    let secret = '';
    const on = await causeway(['totp', 'enrol', 'ann', '--json'], (out) => {
      const line = out.split('\n')[0] ?? '';
      if (secret !== '' || !line.endsWith('}')) return null;
      secret = JSON.parse(line).secret;
      return totpOf(secret, Date.now());
    });
    assert.equal(on.code, 0, on.err);
    const { recoveryCodes } = JSON.parse(on.out.trim().split('\n')[1] ?? '');
    assert.equal(recoveryCodes.length, 10);
    const client = rig.client();
    const { json } = await client.tryCall('logIn', {}, { name: 'ann', password: PASSWORD });
    assert.equal((json as { code: string }).code, 'CW_AUTH_SECOND_FACTOR');
    await client.logIn('ann', PASSWORD, recoveryCodes[0]);
    assert.equal((await client.call('me', {})).secondFactor, true);
    const again = await rig
      .client()
      .tryCall('logIn', {}, { name: 'ann', password: PASSWORD, code: recoveryCodes[0] });
    assert.equal((again.json as { code: string }).code, 'CW_AUTH_WRONG', 'a code works once');
    assert.equal((await causeway(['totp', 'off', 'ann'])).code, 0);
    await rig.client().logIn('ann', PASSWORD);
  });

  it('name the networks that may connect', async () => {
    assert.equal((await causeway(['allow', 'add', '10.1.2.3/8'])).code, 2);
    const added = await causeway(['allow', 'add', '192.0.2.0/24', '--json']);
    assert.deepEqual(JSON.parse(added.out), ['192.0.2.0/24']);
    await rig.client('127.0.0.2').logIn('ann', PASSWORD); // this machine always may
    assert.equal((await causeway(['allow', 'rm', '10.0.0.0/8'])).code, 2);
    assert.match((await causeway(['allow', 'rm', '192.0.2.0/24'])).out, /every address/);
  });

  it('search, check and export the audit log', async () => {
    const found = await causeway(['audit', 'search', '--action', 'user.*', '--outcome', 'done', '--json']);
    const { records } = JSON.parse(found.out);
    assert.ok(records.length >= 4 && records.every((one: { outcome: string }) => one.outcome === 'done'));
    assert.match((await causeway(['audit', 'search', '--limit', '2'])).err, /older ones: --before \d+/);
    assert.equal((await causeway(['audit', 'search', '--from', 'yesterday'])).code, 2);
    const none = await causeway(['audit', 'search', '--until', '2001-01-01', '--json']);
    assert.deepEqual(JSON.parse(none.out).records, []);
    assert.match((await causeway(['audit', 'verify'])).out, /records in 1 files: sound/);
    const exported = (await causeway(['audit', 'export'])).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      exported.map(({ sequence }) => sequence),
      exported.map((_, at) => at + 1),
    );
  });

  it('are in the completion, and their help has an example', async () => {
    const { out } = await causeway(['completion', 'bash']);
    for (const chain of ['user add', 'token create', 'totp enrol', 'allow add', 'audit export'])
      assert.ok(out.includes(`"${chain}")`), chain);
    assert.match((await causeway(['audit', 'search', '--help'])).out, /Example:\n {2}causeway audit search/);
  });
});
