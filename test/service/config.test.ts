import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { DaemonClient } from '../../src/cli/client.ts';
import { ROOT, Served } from '../interop/rig.ts';

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const CLI = join(ROOT, 'src/cli/main.ts');

describe('the settings of a daemon', () => {
  let folder: string;
  let daemon: Served | null = null;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-config-'));
    mkdirSync(join(folder, 'data'));
  });
  afterEach(async () => {
    await daemon?.kill();
    daemon = null;
    rmSync(folder, { recursive: true, force: true });
  });

  const file = () => join(folder, 'data', 'config.yaml');
  const client = () => new DaemonClient(join(folder, 'data'));

  function causeway(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
    const argv = ['--disable-warning=ExperimentalWarning', CLI, '--data', join(folder, 'data'), ...args];
    const child = spawn(process.execPath, argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { NODE_COMPILE_CACHE: join(tmpdir(), 'causeway-test-code'), ...process.env, ...env },
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (piece) => (out += piece));
    child.stderr.on('data', (piece) => (err += piece));
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
  }

  async function up(args: readonly string[] = [], env: Record<string, string> = {}): Promise<void> {
    daemon = new Served(CLI, ['--data', join(folder, 'data'), 'up', ...args], env);
    await daemon.ready;
  }

  async function value(name: string): Promise<unknown> {
    const { settings } = await client().call('showConfig', {});
    return settings.find((one) => one.name === name)?.value;
  }

  it('come from file, environment and flags; are changed in the file with its comments, and taken over while it runs', async () => {
    const before =
      '# kept\nweb:\n  address: off # also kept\nsessions:\n  idleMinutes: 7\nshares:\n  address: off\n';
    writeFileSync(file(), before);
    chmodSync(file(), 0o640);
    await up(['--limit', '10M'], { CAUSEWAY_AUDIT_RETENTION_DAYS: '200' });
    const { web, limitBytesPerSecond } = await client().call('status', {});
    assert.equal(web, null);
    assert.equal(limitBytesPerSecond, 10 * 1024 ** 2);
    const shown = await causeway(['config', 'show', '--origin']);
    assert.match(shown.out, /sessions\.idleMinutes +7 +file \(.*config\.yaml:5:3\)/);
    assert.match(shown.out, /audit\.retentionDays +200 +environment \(CAUSEWAY_AUDIT_RETENTION_DAYS\)/);
    assert.match(shown.out, /copies\.limitBytesPerSecond +10485760 +flag \(--limit\)/);
    assert.match(shown.out, /copies\.undo +auto +default/);

    const set = await causeway(['config', 'set', 'sessions.idleMinutes', '9']);
    assert.equal(set.code, 0, set.err);
    assert.equal(readFileSync(file(), 'utf8'), before.replace('7', '9'));
    assert.equal(statSync(file()).mode & 0o777, 0o640);
    assert.equal(await value('sessions.idleMinutes'), 9);

    const later = await causeway(['config', 'set', 'web.address', '127.0.0.1:0']);
    assert.match(later.out, /web\.address: off\nweb\.address: 127\.0\.0\.1:0 after a restart/);
    const covered = await client().call('setConfig', {}, { name: 'audit.retentionDays', value: '300' });
    assert.equal(covered.settings.find(({ name }) => name === 'audit.retentionDays')?.value, 200);
    assert.match(readFileSync(file(), 'utf8'), /retentionDays: 300/);
    const { records } = await client().call('searchAudit', {}, { action: 'settings.change' });
    assert.ok(records.some(({ resource, outcome }) => resource === 'web.address' && outcome === 'done'));
    await client().call('setConfig', {}, { name: 'sessions.idleMinutes' });
    assert.equal(await value('sessions.idleMinutes'), 60);
  });

  it('are read again at SIGHUP; a file with a mistake changes nothing', async () => {
    writeFileSync(file(), 'sessions:\n  idleMinutes: 7\n');
    await up(['--no-web', '--no-shares']);
    writeFileSync(file(), 'sessions:\n  idelMinutes: 8\n');
    daemon?.child.kill('SIGHUP');
    const deadlineMs = Date.now() + 10_000;
    while (!daemon?.errors.includes('stay as they were') && Date.now() < deadlineMs) await wait(5);
    assert.match(
      daemon?.errors ?? '',
      /config\.yaml:2:3: there is no setting sessions\.idelMinutes; is sessions\.idleMinutes meant/,
    );
    assert.equal(await value('sessions.idleMinutes'), 7);
    await assert.rejects(client().call('reloadConfig', {}), { code: 'CW_CONFIG' });
    const set = client().call('setConfig', {}, { name: 'sessions.lifeHours', value: '8' });
    await assert.rejects(set, { code: 'CW_CONFIG' });
    assert.equal(readFileSync(file(), 'utf8'), 'sessions:\n  idelMinutes: 8\n');
    writeFileSync(file(), 'sessions:\n  idleMinutes: 8\n');
    daemon?.child.kill('SIGHUP');
    while (!daemon?.errors.includes('was read again') && Date.now() < deadlineMs) await wait(5);
    assert.equal(await value('sessions.idleMinutes'), 8);
  });

  it('refuse to start with a mistake, and say where it is', async () => {
    writeFileSync(file(), 'web:\n  address: 1.2.3.4:99999\n');
    const checked = await causeway(['config', 'check']);
    assert.equal(checked.code, 2);
    assert.match(checked.err, /config\.yaml:2:12: web\.address: .*99999/);
    const started = await causeway(['up']);
    assert.equal(started.code, 2);
    assert.match(started.err, /config\.yaml:2:12/);
    assert.equal((await causeway(['up', '--config', join(folder, 'none.yaml')])).code, 1);
    const variable = await causeway(['up'], { CAUSEWAY_WEB_ALLOW_NETWORKS: '1.2.3.400/8' });
    assert.equal(variable.code, 2);
  });

  it('are changed in a file of another place, through its symlink, without a daemon', async () => {
    const real = join(folder, 'real.yaml');
    const link = join(folder, 'link.yaml');
    writeFileSync(real, '# mine\n');
    symlinkSync(real, link);
    const set = await causeway(['config', 'set', 'web.allowNetworks', '10.0.0.0/8', '--config', link]);
    assert.equal(set.code, 0, set.err);
    assert.equal(readFileSync(real, 'utf8'), '# mine\n\nweb:\n  allowNetworks: [ 10.0.0.0/8 ]\n');
    assert.match(
      (await causeway(['config', 'get', 'web.allowNetworks'], { CAUSEWAY_CONFIG: link })).out,
      /^10\.0/,
    );
    assert.ok(!existsSync(file()));
    const checked = await causeway(['config', 'check', '--json'], { CAUSEWAY_CONFIG: link });
    assert.deepEqual(JSON.parse(checked.out), {
      file: real,
      problems: [],
      settings: { 'web.allowNetworks': ['10.0.0.0/8'] },
    });
  });

  it('say how copies compress and undo, which networks come in, and how long sessions are', async () => {
    writeFileSync(
      file(),
      'copies: {compress: 3, undo: "off"}\nweb: {address: 127.0.0.1:0, allowNetworks: [10.9.0.0/16]}\nsessions: {lifeHours: 3}\nshares: {address: off}\n',
    );
    await up();
    await client().call('addVm', {}, { name: 'box', endpoint: { kind: 'listen' } });
    const { id } = await client().call(
      'startJob',
      {},
      { vm: 'box', direction: 'in', sources: ['/etc/hostname'], destination: '/x' },
    );
    const { configured } = await client().call('showAllow', {});
    assert.deepEqual(configured, ['10.9.0.0/16']);
    await daemon?.kill('SIGTERM');
    const state = new DatabaseSync(join(folder, 'data', 'state.db'), { readOnly: true });
    const row = state.prepare('SELECT * FROM jobs WHERE id = ?').get(id);
    state.close();
    assert.match(JSON.stringify(row), /\\"compress\\":3/);
    assert.match(JSON.stringify(row), /\\"undo\\":\\"off\\"/);
  });
});
