import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { FAMILIES } from '../../src/telemetry/families.ts';
import { DaemonRig } from './rig.ts';

describe('the metrics', () => {
  it('are for a viewer of everything, by a token too, and for nobody else', async (context) => {
    const rig = await DaemonRig.start(context);
    await rig.ann();
    const tokenOf = async (name: string, scopes: string[], bound?: object) => {
      await rig.addUser(name, [{ role: 'viewer', scopes }]);
      const request = { label: 'scrape', ...bound };
      return (await rig.socket.call('createUserToken', { name }, request)).text;
    };
    const scrape = async (token: string | null, accept = 'text/plain') => {
      const client = rig.client();
      client.token = token;
      return client.send('/metrics', { headers: { accept } });
    };
    const token = await tokenOf('prometheus', ['*']);
    const narrow = await tokenOf('narrow', ['vm:dev']);
    assert.equal((await scrape(null)).status, 401);
    assert.equal((await scrape(`${token}x`)).status, 401);
    assert.equal((await scrape(narrow)).status, 403);
    const answer = await scrape(token);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(answer.headers['cache-control'], 'no-store');
    const open = await scrape(token, 'application/openmetrics-text;version=1.0.0');
    assert.match(open.headers['content-type'] ?? '', /^application\/openmetrics-text; version=1\.0\.0/);
    assert.match(open.text, /\n# EOF\n$/);
    assert.match(
      open.text,
      /causeway_api_requests_total\{transport="https",procedure="scrape",status="200"\} 1\n/,
    );
    assert.match(open.text, /causeway_access_refusals_total\{code="CW_ACCESS_DENIED"\} 1\n/);
    await rig.socket.call('removeUser', { name: 'prometheus' });
    assert.equal((await scrape(token)).status, 401);
  });

  it('pass promtool check metrics, and say nothing that is not in the registry', async (context) => {
    const rig = await DaemonRig.start(context);
    const ann = await rig.ann();
    await rig.socket.call('addVm', {}, { name: 'dev', endpoint: { kind: 'listen' } });
    await ann.call('verifyAudit', {});
    const families = await rig.socket.call('showMetrics', {});
    assert.ok(families.length >= 40, `${families.length} families without a copy`);
    for (const { name } of families) assert.ok(Object.hasOwn(FAMILIES, name), name);
    const { text } = await ann.send('/metrics');
    const found = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    if (found.error) return context.skip('promtool is not installed');
    assert.equal(`${found.stdout}${found.stderr}`, '');
    assert.equal(found.status, 0);
  });

  it('count how people sign in', async (context) => {
    const rig = await DaemonRig.start(context);
    const ann = await rig.ann();
    await assert.rejects(rig.client('127.0.0.9').logIn('ann', 'not the password'), { code: 'CW_AUTH_WRONG' });
    const { text } = await ann.send('/metrics');
    assert.match(text, /causeway_sign_ins_total\{result="ok"\} 1\n/);
    assert.match(text, /causeway_sign_ins_total\{result="wrong"\} 1\n/);
    assert.match(text, /causeway_sessions 1\n/);
    assert.match(text, /causeway_users\{state="active"\} 1\n/);
    assert.match(text, /causeway_audit_sound 1\n/);
  });

  it('forget a machine that is removed', async (context) => {
    const rig = await DaemonRig.start(context);
    const linked = async () =>
      (await rig.socket.call('showMetrics', {}))
        .flatMap(({ samples }) => samples)
        .filter(({ labels }) => labels['vm'] === 'dev').length;
    await rig.socket.call('addVm', {}, { name: 'dev', endpoint: { kind: 'listen' } });
    assert.ok((await linked()) > 0);
    await rig.socket.call('removeVm', { name: 'dev' });
    assert.equal(await linked(), 0);
  });
});
