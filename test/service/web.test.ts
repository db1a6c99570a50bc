import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { CausewayError } from '../../src/base/errors.ts';
import { DaemonRig, PASSWORD } from './rig.ts';

function fails(code: string): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof CausewayError && thrown.code === code;
}

describe('the first start', () => {
  it('gives a link that makes one administrator, once, and shows it on the socket only', async (t) => {
    const rig = await DaemonRig.start(t);
    const { web } = await rig.socket.call('status', {});
    const match = /^(https:\/\/127\.0\.0\.1:\d+)\/#\/welcome\/(cwi_\w{16}_[\w-]{43})$/.exec(
      web?.welcomeUrl ?? '',
    );
    assert.ok(match, web?.welcomeUrl ?? 'no link');
    assert.equal((await rig.socket.call('status', {})).web?.welcomeUrl, web?.welcomeUrl, 'it stays the same');
    const link = match[2] as string;
    const client = rig.client();
    assert.deepEqual(await client.call('lookLink', {}, { link }), { kind: 'first', name: null });
    await assert.rejects(client.call('redeemLink', {}, { link, password: PASSWORD }), fails('CW_USAGE'));
    await assert.rejects(
      client.call('redeemLink', {}, { link, name: 'ann', password: 'short' }),
      fails('CW_PASSWORD_WEAK'),
    );
    await client.call('redeemLink', {}, { link, name: 'ann', password: PASSWORD });
    await assert.rejects(
      client.call('redeemLink', {}, { link, name: 'eve', password: PASSWORD }),
      fails('CW_AUTH_LINK'),
    );
    await client.logIn('ann', PASSWORD);
    const me = await client.call('me', {});
    assert.deepEqual([me.kind, me.name, me.role], ['user', 'ann', 'admin']);
    assert.ok(me.actions.includes('user.change'));
    assert.equal((await client.call('status', {})).web?.welcomeUrl, null);
    assert.equal((await rig.socket.call('status', {})).web?.welcomeUrl, null);
  });

  it('makes a certificate for the names of this machine, which stays the same', async (t) => {
    const rig = await DaemonRig.start(t);
    const { web } = await rig.socket.call('status', {});
    const { port } = new URL(web?.url ?? '');
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const certificate = new X509Certificate(socket.getPeerCertificate().raw);
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    socket.destroy();
    assert.equal(certificate.fingerprint256.replaceAll(':', '').toLowerCase(), web?.certificateFingerprint);
    for (const name of ['localhost']) assert.ok(certificate.checkHost(name), name);
    for (const address of ['127.0.0.1', '::1']) assert.ok(certificate.checkIP(address), address);
    assert.ok(!certificate.checkHost('example.org') && !certificate.ca);
    assert.ok(certificate.verify(certificate.publicKey));
    const days = (certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / 86_400_000;
    assert.ok(days > 700 && days <= 825, `${days}`);
    assert.equal(statSync(join(rig.data, 'web-identity.json')).mode & 0o777, 0o600);
  });
});

describe('a signed-in browser', () => {
  let rig: DaemonRig;
  before(async () => {
    rig = await DaemonRig.start();
  });
  after(() => rig[Symbol.asyncDispose]());

  it('has a cookie that scripts and other sites do not get, and proves each change', async () => {
    const ann = await rig.ann();
    const second = rig.client();
    const answer = await second.tryCall('logIn', {}, { name: 'ann', password: PASSWORD });
    const cookie = answer.headers['set-cookie']?.[0] ?? '';
    assert.match(cookie, /^__Host-causeway=cwl_/);
    for (const attribute of ['Secure', 'HttpOnly', 'SameSite=Strict', 'Path=/'])
      assert.ok(cookie.split('; ').includes(attribute), attribute);
    const add = { name: 'bob', grants: [] };
    assert.equal(second.csrf, null);
    await assert.rejects(second.call('addUser', {}, add), fails('CW_AUTH_FORGED'));
    second.csrf = ann.csrf;
    await assert.rejects(second.call('addUser', {}, add), fails('CW_AUTH_FORGED'));
    second.csrf = (await second.call('me', {})).csrf;
    await second.call('addUser', {}, add);
    for (const headers of [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ] as Record<string, string>[]) {
      const { status } = await ann.send('/api/v1/users/bob', { method: 'DELETE', headers });
      assert.equal(status, 403, JSON.stringify(headers));
    }
    await ann.call('removeUser', { name: 'bob' });
  });

  it('takes JSON only, and nothing that the contract does not know', async () => {
    const client = rig.client();
    await client.logIn('ann', PASSWORD);
    const text = await client.send('/api/v1/users', {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: '{"name":"x","grants":[]}',
    });
    assert.equal(text.status, 415);
    const unknown = await client.tryCall('addUser', {}, { name: 'x', grants: [], admin: true });
    assert.equal(unknown.status, 400);
    assert.equal((unknown.json as { code: string }).code, 'CW_USAGE');
  });

  it('is signed out at once: by itself, by a new password, and when its user goes', async () => {
    const ann = rig.client();
    await ann.logIn('ann', PASSWORD);
    const kept = ann.cookie;
    await ann.call('logOut', {});
    assert.equal(ann.cookie, null);
    ann.cookie = kept;
    await assert.rejects(ann.call('me', {}), fails('CW_AUTH_REQUIRED'));
    await rig.addUser('carl', [{ role: 'viewer', scopes: ['*'] }]);
    const carl = rig.client();
    await carl.logIn('carl', PASSWORD);
    await rig.socket.call('setUserPassword', { name: 'carl' }, { password: `${PASSWORD} 2` });
    await assert.rejects(carl.call('me', {}), fails('CW_AUTH_REQUIRED'));
    await carl.logIn('carl', `${PASSWORD} 2`);
    await rig.socket.call('removeUser', { name: 'carl' });
    await assert.rejects(carl.call('me', {}), fails('CW_AUTH_REQUIRED'));
  });
});

describe('API tokens', () => {
  it('do what token and user may, and end with the user', async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    await rig.addUser('dora', [{ role: 'operator', scopes: ['*'] }]);
    const { text } = await ann.call(
      'createUserToken',
      { name: 'dora' },
      { label: 'reader', bound: [{ role: 'viewer', scopes: ['*'] }] },
    );
    const client = rig.client();
    client.token = text;
    assert.equal((await client.call('me', {})).kind, 'token');
    await client.call('listVms', {});
    await assert.rejects(client.call('stop', {}), fails('CW_ACCESS_DENIED'));
    await assert.rejects(client.call('createToken', {}, { label: 'more' }), fails('CW_ACCESS_DENIED'));
    await ann.call('removeUser', { name: 'dora' });
    await assert.rejects(client.call('listVms', {}), fails('CW_AUTH_REQUIRED'));
  });
});

describe('what is sent', () => {
  it('are the files of the console, with their types, kept by browsers where names hold a hash', async (t) => {
    const rig = await DaemonRig.start(t);
    const client = rig.client();
    assert.equal((await client.send('/')).status, 503);
    rig.putConsole('index.html', '<!doctype html><title>Causeway</title>');
    rig.putConsole('assets/main-1a2b.js', 'console.log(1)');
    const page = await client.send('/');
    assert.equal(page.status, 200);
    assert.match(String(page.headers['content-type']), /^text\/html/);
    assert.match(String(page.headers['content-security-policy']), /frame-ancestors 'none'/);
    assert.ok(!String(page.headers['content-security-policy']).includes('unsafe'));
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    assert.equal(page.headers['cache-control'], 'no-cache');
    const again = await client.send('/index.html', {
      headers: { 'if-none-match': String(page.headers.etag) },
    });
    assert.deepEqual([again.status, again.text], [304, '']);
    const script = await client.send('/assets/main-1a2b.js');
    assert.match(String(script.headers['content-type']), /^text\/javascript/);
    assert.match(String(script.headers['cache-control']), /immutable/);
    for (const path of [
      '/nothing',
      '/..%2f..%2fdata%2fmaster-keys.json',
      '/assets/../../data/users.json',
      '/api/v1/nothing',
    ])
      assert.equal((await client.send(path)).status, 404, path);
  });

  it('is an error as RFC 9457 says, with our code', async (t) => {
    const rig = await DaemonRig.start(t);
    const { status, headers, json } = await rig.client().send('/api/v1/vms');
    assert.equal(status, 401);
    assert.match(String(headers['content-type']), /^application\/problem\+json/);
    const problem = json as Record<string, unknown>;
    assert.deepEqual([problem['type'], problem['status']], ['urn:causeway:error:CW_AUTH_REQUIRED', 401]);
    assert.equal(headers['cache-control'], 'no-store');
  });
});

describe('the audit log', () => {
  it('has each change before it is done, who did it, and refusals; without secrets', async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    await ann.call(
      'addVm',
      {},
      { name: 'box', endpoint: { kind: 'exec', argv: ['false', '--password=hunter2secret'] } },
    );
    await rig.addUser('eve', [{ role: 'viewer', scopes: ['*'] }]);
    const eve = rig.client();
    await eve.logIn('eve', PASSWORD);
    await assert.rejects(eve.call('removeVm', { name: 'box' }), fails('CW_ACCESS_DENIED'));
    await assert.rejects(rig.client().logIn('eve', 'wrong password here'), fails('CW_AUTH_WRONG'));
    await assert.rejects(rig.client().logIn('my secret typed as name', 'x'), fails('CW_AUTH_WRONG'));
    const { records } = await ann.call('searchAudit', {}, { limit: 100 });
    const lines = records.map(
      ({ actor, action, resource, outcome }) => `${actor.name} ${action} ${resource} ${outcome}`,
    );
    for (const line of [
      'ann vm.add vm:box started',
      'ann vm.add vm:box done',
      'eve vm.remove vm:box refused',
      'eve session.start user:eve done',
      ' session.start user:eve refused',
      ' session.start  refused',
      'ann audit.read audit started',
    ])
      assert.ok(lines.includes(line), `${line}\n${lines.join('\n')}`);
    const text = JSON.stringify(records);
    for (const secret of ['hunter2', PASSWORD, 'my secret', 'cwi_', 'cwl_', 'cwt_'])
      assert.ok(!text.includes(secret), secret);
    assert.ok(records.find(({ actor }) => actor.name === 'ann' && actor.address === '127.0.0.1'));
    const local = records.find(({ actor, resource }) => actor.kind === 'local' && resource === 'user:eve');
    assert.match(local?.actor.name ?? '', /^local/);
    const argv = (await eve.call('showVm', { name: 'box' })).endpoint;
    assert.deepEqual(argv, { kind: 'exec', argv: ['false', '…'] });
    assert.equal((await ann.call('verifyAudit', {})).isSound, true);
    const exported = await ann.send('/api/v1/audit/export?action=vm.*');
    assert.ok(
      exported.text
        .trim()
        .split('\n')
        .every((line) => JSON.parse(line).action.startsWith('vm.')),
    );
  });

  it('refuses what it cannot record, and nothing is done then', async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    await rig.daemon.access.trail.log.close();
    await assert.rejects(
      ann.call('addVm', {}, { name: 'box', endpoint: { kind: 'listen' } }),
      fails('CW_AUDIT_UNAVAILABLE'),
    );
    assert.deepEqual(await ann.call('listVms', {}), []);
    await assert.rejects(rig.client().logIn('ann', PASSWORD), fails('CW_AUDIT_UNAVAILABLE'));
  });

  it('leaves no password, link, cookie or token readable in the data directory', async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    const { text } = await ann.call('createToken', {}, { label: 'x' });
    const secrets = [PASSWORD, text.slice(21), (ann.cookie ?? '').slice(-43)];
    assert.ok(secrets.every((secret) => secret.length > 20));
    const files = readdirSync(rig.data, { recursive: true, withFileTypes: true }).filter((one) =>
      one.isFile(),
    );
    for (const file of files) {
      const content = readFileSync(join(file.parentPath, file.name), 'latin1');
      for (const secret of secrets) assert.ok(!content.includes(secret), file.name);
    }
  });
});
