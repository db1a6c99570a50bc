import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DaemonClient } from '../../src/cli/client.ts';
import type { KeyRotationView, VmKeyView } from '../../src/contract/machine_schemas.ts';
import type { VmView } from '../../src/contract/schemas.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { ROOT, runCli, Served, until } from './rig.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
/** KILLS=25 for a long proof with all kinds of channels; the simulation strikes at each single step. */
const KILLS = Number(process.env['KILLS'] ?? 0);
const NAMES = KILLS > 0 ? ['web', 'inward', 'db', 'pipe'] : ['web', 'inward'];

describe(`keys that are changed (SEED=${SEED})`, { timeout: 300_000 }, () => {
  let folder = '';
  let data = '';
  let daemon: Served;
  let client: DaemonClient;
  let port = 0;
  const agents = new Map<string, Served>();
  const place = (name: string) => join(folder, name);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-key-change-'));
    data = place('host');
    await startDaemon();
  });
  after(async () => {
    for (const agent of agents.values()) await agent.kill();
    await daemon?.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });

  async function startDaemon(): Promise<void> {
    daemon = new Served(join(ROOT, 'src/cli/main.ts'), [
      ...['--data', data, 'up', '--no-web', '--listen', `127.0.0.1:${port}`],
    ]);
    await daemon.ready;
    client = new DaemonClient(data);
    port = Number((await client.call('status', {})).listen?.split(':')[1]);
  }

  const channels = new Map<string, string[]>();

  function serve(name: string, ...args: string[]): Served {
    mkdirSync(place(name), { recursive: true });
    channels.set(name, args);
    const agent = new Served(join(ROOT, 'src/guest/main.ts'), ['run', '--data', place(name), ...args]);
    agents.set(name, agent);
    return agent;
  }

  async function add(name: string, endpoint: VmView['endpoint'], more: object = {}): Promise<void> {
    await client.call('addVm', {}, { name, endpoint, ...more });
    await settled(name);
  }

  /** The link is up, and no change of keys is half done. */
  async function settled(name: string): Promise<VmView> {
    let last = '';
    const look = async () => {
      const vm = await client.call('showVm', { name });
      last = JSON.stringify(vm);
      const isDone = vm.nextFingerprint === null && vm.hostKey?.isCurrent !== false;
      return vm.state === 'up' && isDone ? vm : null;
    };
    return until(`${name} is up`, 30_000, look).catch((failure) => {
      throw new Error(`${failure.message}: ${last}`);
    });
  }

  async function addMore(): Promise<void> {
    const { address = '', token = '' } = await serve('db', '--listen', '127.0.0.1:0').ready;
    await add('db', { kind: 'tcp', host: '127.0.0.1', port: Number(address.split(':')[1]) }, { token });
    channels.set('db', ['--listen', address]);
    const argv = [process.execPath, '--disable-warning=ExperimentalWarning', join(ROOT, 'src/guest/main.ts')];
    mkdirSync(place('pipe'));
    await add('pipe', { kind: 'exec', argv: [...argv, 'run', '--stdio', '--data', place('pipe')] });
  }

  it('are those of agents behind each kind of channel; streams of the link go on', async () => {
    const socket = place('sock');
    await serve('web', '--unix', socket).ready;
    await add('web', { kind: 'unix', path: socket });
    await client.call('addVm', {}, { name: 'inward', endpoint: { kind: 'listen' } });
    const issued = await client.call('pairVm', { name: 'inward' }, { addresses: [] });
    serve('inward', '--tcp', `127.0.0.1:${port}`, '--token', issued.token);
    channels.set('inward', ['--tcp', `127.0.0.1:${port}`]);
    await settled('inward');
    if (KILLS > 0) await addMore();
    for (const name of NAMES) {
      const before = await settled(name);
      const changed: VmKeyView = await client.call('rotateVm', { name });
      assert.equal(changed.from, before.fingerprint);
      const now = await settled(name);
      assert.equal(now.fingerprint, changed.to, name);
      if (name !== 'pipe')
        assert.equal(now.reconnects, before.reconnects + 1, `${name}: the session goes on`);
    }
  });

  it('is that of the host, which a machine that was away is told of when it is back', async () => {
    await agents.get('web')?.kill();
    await until('web is away', 30_000, async () => {
      const { state } = await client.call('showVm', { name: 'web' });
      return state === 'up' ? null : state;
    });
    const before = await client.call('status', {});
    const said = await runCli(data, ['key', 'rotate', '--json']);
    assert.equal(said.code, 0, said.err);
    const view = JSON.parse(said.out) as KeyRotationView;
    assert.equal(view.from, before.fingerprint);
    const told = new Map(view.machines.map(({ name, state }) => [name, state]));
    for (const name of NAMES) assert.equal(told.get(name), name === 'web' ? 'away' : 'told', name);
    const after = await client.call('status', {});
    assert.equal(after.fingerprint, view.to);
    assert.equal(after.deviceId, before.deviceId);
    for (const name of NAMES.slice(1))
      assert.equal((await settled(name)).hostKey?.fingerprint, view.to, name);
    const away = await client.call('showVm', { name: 'web' });
    assert.equal(away.hostKey?.fingerprint, view.from);
    assert.equal(away.hostKey?.untilMs, view.formerUntilMs);
    const shown = await runCli(data, ['vm', 'show', 'web']);
    assert.match(shown.out, /the former one, shown to it until \d{4}-/);
    serve('web', ...channels.get('web')!);
    assert.equal((await settled('web')).hostKey?.fingerprint, view.to);
    const human = await runCli(data, ['vm', 'rotate', 'web']);
    assert.match(human.out, /^web has a new key: [0-9a-f]{64}\n/, human.err);
    writeFileSync(place('file'), 'after the changes\n'.repeat(1_000));
    for (const name of ['web']) {
      const copied = await runCli(data, ['cp', place('file'), `${name}:${folder}/copy-${name}`, '--quiet']);
      assert.equal(copied.code, 0, copied.err);
      assert.deepEqual(readFileSync(place(`copy-${name}`)), readFileSync(place('file')));
    }
  });

  const kills = async () => {
    const dice = Dice.fromSeed(SEED);
    for (let round = 0; round < 2 * KILLS; round += 1) {
      const name = dice.pick(['web', 'inward', 'db'] as [string, ...string[]]);
      const change = round < 2 ? client.call('rotateKey', {}) : client.call('rotateVm', { name });
      change.catch(() => undefined); // cut off by the death of one side
      const endMs = performance.now() + dice.between(0, 40);
      await until('the moment', 1_000, async () => (performance.now() >= endMs ? true : null));
      if (round % 2 === 0) {
        await daemon.kill('SIGKILL');
        await startDaemon();
      } else {
        await agents.get(name)?.kill('SIGKILL');
        serve(name, ...channels.get(name)!);
      }
      await change.catch(() => undefined);
      for (const each of NAMES) await settled(each);
    }
    const { code, out } = await runCli(data, ['audit', 'verify']);
    assert.equal(code, 0, out);
  };
  if (KILLS > 0) it(`outlive kill -9 of either side in the middle of a change, ${KILLS} times each`, kills);

  it('are refused where there are none, and for a machine that is away', async () => {
    const socket = place('plain.sock');
    await serve('plain', '--unix', socket, '--trust-carrier').ready;
    await add('plain', { kind: 'unix', path: socket }, { trustCarrier: true });
    await assert.rejects(client.call('rotateVm', { name: 'plain' }), { code: 'CW_PAIR_FIXED' });
    assert.equal((await client.call('showVm', { name: 'plain' })).hostKey, null);
    await client.call('addVm', {}, { name: 'never', endpoint: { kind: 'listen' } });
    await assert.rejects(client.call('rotateVm', { name: 'never' }), { code: 'CW_VM_OFFLINE' });
    await assert.rejects(client.call('rotateVm', { name: 'nobody' }), { code: 'CW_VM_UNKNOWN' });
  });
});
