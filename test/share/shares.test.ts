import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ALL_PASSED, runLitmus } from './litmus_run.ts';
import { PLAIN, Rig, type Sent, send } from './shares_rig.ts';

const statusOf = async (sent: Promise<Sent>) => (await sent).status;
const failsWith = (code: string) => (failure: unknown) => (failure as { code?: string }).code === code;

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

function cli(rig: Rig, ...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const data = path.join(rig.base, 'data');
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, '--data', data, ...args], (failure, out, err) =>
      resolve({ code: Number(failure?.code ?? 0), out, err }),
    );
  });
}

describe('shares', () => {
  it('are made, shown, changed and removed by commands', async () => {
    await using rig = await Rig.start();
    const none = await cli(rig, 'share', 'ls');
    assert.match(none.out, /Nothing is shared/);
    const made = await cli(rig, 'share', 'create', rig.source, '--quota', '10G', '--name', 'docs');
    assert.equal(made.code, 0, made.err);
    assert.match(made.out, /Windows +net use/);
    const password = /password {2}(\S+)/.exec(made.out)?.[1] ?? '';
    const { url } = JSON.parse((await cli(rig, 'share', 'show', 'docs', '--json')).out) as { url: string };
    assert.ok(made.out.includes(url));
    assert.equal(await statusOf(send(`${url}f`, 'PUT', 'docs', password, 'x')), 201);
    assert.equal((await cli(rig, 'share', 'set', 'docs')).code, 2);
    assert.equal((await cli(rig, 'share', 'set', 'docs', '--read-only', '--quota', 'none')).code, 0);
    assert.match((await cli(rig, 'share', 'ls')).out, /docs +serving .*read-only +- /);
    assert.equal(await statusOf(send(`${url}f`, 'PUT', 'docs', password, 'x')), 403);
    const refused = await cli(rig, 'share', 'create', '/etc');
    assert.equal(refused.code, 4);
    assert.match(refused.err, /--i-know/);
    assert.equal((await cli(rig, 'share', 'rm', 'docs')).code, 0);
    assert.equal((await cli(rig, 'share', 'rm', 'docs')).code, 4);
  });

  it('pass every test of every program of litmus over HTTPS with authentication', async () => {
    await using rig = await Rig.start({ ...PLAIN, isEncrypted: true });
    const { share, password } = await rig.create();
    assert.match(share.url ?? '', /^https:/);
    const { passed, output } = await runLitmus(share.url ?? '', ['docs', password ?? '']);
    // litmus itself skips the test of `Expect: 100-continue` over TLS
    assert.deepEqual(passed, { ...ALL_PASSED, http: '3/3' }, output);
    assert.doesNotMatch(output, /FAIL/, output);
  });

  it('let in who has the password, and nobody else; a new password ends the old one', async () => {
    await using rig = await Rig.start();
    const { share, password } = await rig.create();
    const url = share.url ?? '';
    const mine = password ?? '';
    assert.match(mine, /^(?:[a-z2-9]{5}-){5}[a-z2-9]{5}$/);
    assert.equal(await statusOf(send(`${url}f`, 'PUT', 'docs', mine, 'x')), 201);
    for (const [user, secret] of [
      ['', ''],
      ['docs', 'wrong'],
      ['other', mine],
    ] as const)
      assert.equal(await statusOf(send(`${url}f`, 'GET', user, secret)), 401);
    assert.equal(await statusOf(send(url.replace('/docs/', '/none/'), 'GET', 'none', mine)), 401);
    const changed = await rig.client.call('setShare', { name: 'docs' }, { newPassword: true });
    assert.equal(await statusOf(send(`${url}f`, 'GET', 'docs', mine)), 401);
    assert.equal(await statusOf(send(`${url}f`, 'GET', 'docs', changed.password ?? '')), 200);
    const stored = fs.readFileSync(path.join(rig.base, 'data/state.db')).toString('latin1');
    assert.ok(!stored.includes(mine) && !stored.includes(changed.password ?? ''), 'no password is stored');
  });

  it('let in a named user with a token, as far as it reaches and as long as it is valid', async () => {
    await using rig = await Rig.start();
    const { call } = rig.client;
    const api: typeof call = call.bind(rig.client);
    const tokens: Record<string, { text: string; id: string }> = {};
    for (const [name, role] of [
      ['ann', 'operator'],
      ['bob', 'viewer'],
      ['eve', 'admin'],
    ] as const) {
      await api('addUser', {}, { name, grants: [{ role, scopes: ['*'] }] });
      const made = await api('createUserToken', { name }, { label: 'dav' });
      tokens[name] = { text: made.text, id: made.token.id };
    }
    const { share } = await rig.create({ users: ['ann', 'bob'] });
    const url = `${share.url}f`;
    const as = (name: string) => tokens[name]?.text ?? '';
    assert.equal(await statusOf(send(url, 'PUT', 'ann', as('ann'), 'x')), 201);
    assert.equal(await statusOf(send(url, 'GET', 'bob', as('bob'))), 200);
    assert.equal(await statusOf(send(url, 'PUT', 'bob', as('bob'), 'y')), 403);
    assert.equal(await statusOf(send(url, 'GET', 'eve', as('eve'))), 401);
    assert.equal(await statusOf(send(url, 'GET', 'bob', as('ann'))), 401);
    await api('revokeToken', { id: tokens['ann']?.id ?? '' });
    assert.equal(await statusOf(send(url, 'GET', 'ann', as('ann'))), 401);
    await assert.rejects(rig.create({ name: 'x', users: ['nobody'] }), failsWith('CW_USER_UNKNOWN'));
  });

  it('are there again after a restart, and listen only while there is one', async () => {
    await using rig = await Rig.start();
    fs.writeFileSync(path.join(rig.source, 'f'), '12345');
    const { share, password } = await rig.create({ readOnly: true, quotaBytes: 1_000 });
    assert.deepEqual([share.state, share.usedBytes], ['serving', 5]);
    const port = Number(new URL(share.url ?? '').port);
    await rig.down();
    await rig.up({ ...PLAIN, port });
    const [again] = await rig.client.call('listShares', {});
    assert.deepEqual(again, share);
    const url = `${share.url}f`;
    assert.equal(await statusOf(send(url, 'GET', 'docs', password ?? '')), 200);
    assert.equal(await statusOf(send(url, 'PUT', 'docs', password ?? '', 'x')), 403);
    await rig.client.call('setShare', { name: 'docs' }, { readOnly: false, quotaBytes: 8 });
    assert.equal(await statusOf(send(url, 'PUT', 'docs', password ?? '', '123456789')), 507);
    assert.equal(await statusOf(send(url, 'PUT', 'docs', password ?? '', '12345678')), 204);
    await rig.client.call('removeShare', { name: 'docs' });
    await assert.rejects(send(url, 'GET', 'docs', password ?? ''), failsWith('ECONNREFUSED'));
    await assert.rejects(rig.client.call('showShare', { name: 'docs' }), failsWith('CW_SHARE_UNKNOWN'));
    assert.deepEqual(fs.readdirSync(rig.source), ['f']);
  });

  it('tell of a folder that is gone or another one, and never show an empty one', async () => {
    await using rig = await Rig.start();
    fs.writeFileSync(path.join(rig.source, 'f'), 'x');
    const { share, password } = await rig.create();
    const ask = () => send(share.url ?? '', 'PROPFIND', 'docs', password ?? '');
    assert.match((await ask()).body, /docs\/f</);
    const aside = path.join(rig.base, 'aside');
    fs.renameSync(rig.source, aside);
    assert.equal((await ask()).status, 503);
    fs.mkdirSync(rig.source); // an empty mount point
    const refused = await ask();
    assert.equal(refused.status, 503);
    assert.ok(!refused.body.includes(rig.base), 'the answer names nothing of this machine');
    const view = await rig.client.call('showShare', { name: 'docs' });
    assert.deepEqual([view.state, view.error?.code], ['error', 'CW_SHARE_SOURCE']);
    fs.rmdirSync(rig.source);
    fs.renameSync(aside, rig.source);
    assert.match((await ask()).body, /docs\/f</);
    fs.renameSync(rig.source, aside);
    fs.mkdirSync(rig.source);
    await rig.client.call('setShare', { name: 'docs' }, { rebind: true });
    assert.equal((await ask()).status, 207);
  });

  it('are refused for the root, homes, folders of the system and the data of the daemon, also behind a link', async () => {
    await using rig = await Rig.start();
    const link = path.join(rig.base, 'link');
    for (const target of [
      '/',
      '/etc',
      '/usr/share',
      '/home',
      os.homedir(),
      '/proc/self',
      `${rig.base}/data`,
      rig.base,
    ]) {
      fs.symlinkSync(target, link);
      for (const source of [target, link, `${target}/`])
        await assert.rejects(rig.create({ source }), failsWith('CW_SHARE_REFUSED'), source);
      fs.unlinkSync(link);
    }
    await assert.rejects(rig.create({ source: rig.base, iKnow: true }), failsWith('CW_SHARE_REFUSED'));
    await assert.rejects(rig.create({ source: `${rig.base}/none` }), failsWith('CW_DISK_NOT_FOUND'));
    await assert.rejects(rig.create({ source: 'folder' }), failsWith('CW_USAGE'));
    assert.equal(
      (await rig.create({ source: '/usr/share', readOnly: true, iKnow: true })).share.state,
      'serving',
    );
    await assert.rejects(rig.create(), failsWith('CW_SHARE_EXISTS'));
  });
});
