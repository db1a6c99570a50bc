import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DaemonClient } from '../../src/cli/client.ts';
import type { DiscoveredVmView, DiscoveryView } from '../../src/contract/machine_schemas.ts';
import { askQemu } from '../../src/vm/hypervisors/qmp.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { Libvirtd, libvirtMissing } from './libvirtd.ts';
import { ROOT, runCli, Served, until } from './rig.ts';

const UUIDS = {
  web: '0f4e2f6e-5d37-4d3f-9a3b-0e6f1a2b3c01',
  old: '0f4e2f6e-5d37-4d3f-9a3b-0e6f1a2b3c02',
  off: '0f4e2f6e-5d37-4d3f-9a3b-0e6f1a2b3c03',
};
const BARE_UUID = '0f4e2f6e-5d37-4d3f-9a3b-0e6f1a2b3c04';
const MISSING = process.env['CAUSEWAY_REQUIRE'] === 'all' ? null : libvirtMissing();

/** A real libvirtd and real QEMUs, of which none runs a single instruction. */
describe('machines of libvirt and QEMU', { skip: MISSING ?? false, timeout: 200_000 }, () => {
  let folder = '';
  let data = '';
  let libvirtd: Libvirtd;
  let daemon: Served;
  let client: DaemonClient;
  let bare: ChildProcess;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-vms-'));
    data = join(folder, 'd');
    daemon = new Served(join(ROOT, 'src/cli/main.ts'), ['--data', data, 'up', '--no-web']);
    client = new DaemonClient(data);
    bare = startBare();
    libvirtd = await Libvirtd.start();
    libvirtd.define('web', UUIDS.web, `<controller type='virtio-serial' index='0'/>`);
    libvirtd.define('old', UUIDS.old);
    libvirtd.define('off', UUIDS.off);
    for (const name of ['web', 'old']) {
      const { status, stderr } = libvirtd.virsh('start', name, '--paused');
      assert.equal(status, 0, stderr);
    }
    await daemon.ready;
    await until('the QEMU listens', 20_000, () => (existsSync(join(folder, 'qmp')) ? true : null));
  });
  after(async () => {
    bare?.kill('SIGKILL');
    await daemon?.kill('SIGTERM');
    await libvirtd?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  function startBare(): ChildProcess {
    const port = `socket,id=port,path=${folder}/port,server=on,wait=off`;
    return spawn(
      'qemu-system-x86_64',
      [
        ...['-S', '-display', 'none', '-nodefaults', '-m', '16', '-name', 'guest=bare', '-uuid', BARE_UUID],
        ...['-qmp', 'unix:qmp,server=on,wait=off', '-device', 'virtio-serial-pci'],
        ...['-chardev', port, '-device', 'virtserialport,chardev=port,name=org.causeway.0'],
      ],
      { stdio: 'ignore', cwd: folder },
    );
  }

  const cli = (...args: string[]) => runCli(data, args);
  const look = () => client.call('discoverVms', {}, { uri: libvirtd.uri });
  const named = ({ machines }: DiscoveryView, name: string): DiscoveredVmView => {
    const found = machines.find((one) => one.name === name);
    assert.ok(found, `${name} is found`);
    return found;
  };
  const add = (name: string, domain: string, ...more: string[]) =>
    cli(
      ...['vm', 'add', name, '--libvirt', domain, '--connect', libvirtd.uri],
      ...['--socket', join(folder, `${domain}.sock`), '--json', ...more],
    );
  const channels = (domain: string, ...more: string[]) =>
    libvirtd.virsh('dumpxml', domain, ...more).stdout.match(/org\.causeway\.0/g)?.length ?? 0;

  async function refused(code: string, name: string, domain: string, ...more: string[]): Promise<void> {
    const { code: exit, out, err } = await add(name, domain, ...more);
    assert.notEqual(exit, 0, out);
    assert.match(out, new RegExp(`"${code}"`), err);
  }

  it('are found with their state and the command that adds each', async () => {
    const found = await look();
    assert.deepEqual(found.missed, []);
    const { state, foundBy, channel, add: command } = named(found, 'web');
    assert.deepEqual([state, foundBy, channel], ['paused', 'libvirt', null]);
    assert.equal(command, `causeway vm add web --libvirt web --connect '${libvirtd.uri}'`);
    assert.equal(named(found, 'off').state, 'off');
    const path = join(folder, 'port');
    assert.deepEqual(named(found, 'bare'), {
      ...{ foundBy: 'qemu', name: 'bare', uuid: BARE_UUID, state: 'paused', vm: null },
      ...{ channel: { name: 'org.causeway.0', path }, add: `causeway vm add bare --serial ${path}` },
    });
    const uuids = found.machines.map(({ uuid }) => uuid);
    assert.equal(uuids.length, new Set(uuids).size, 'a QEMU of libvirt is listed once');
    const { out } = await cli('vm', 'ls', '--discovered', '--connect', libvirtd.uri);
    assert.match(out, /web +paused +libvirt +none +- +causeway vm add web --libvirt web/);
  });

  it('tell of themselves on their control socket, and of a socket that is taken or is none', async () => {
    const { net } = createNodeWorld();
    const told = await askQemu(net, join(folder, 'qmp'), AbortSignal.timeout(10_000));
    const channel = { name: 'org.causeway.0', path: join(folder, 'port') };
    const expected = { foundBy: 'qemu', name: 'bare', uuid: BARE_UUID, state: 'paused', channels: [channel] };
    assert.deepEqual(told, expected);
    const holder = createConnection(join(folder, 'qmp'));
    await new Promise((resolve) => holder.once('data', resolve));
    assert.equal(named(await look(), 'bare').state, 'unknown', 'somebody else has its control socket');
    holder.destroy();
    const { missed } = await client.call(
      'discoverVms',
      {},
      { uri: libvirtd.uri, qmp: [join(data, 'daemon.sock')] },
    );
    assert.equal(missed.length, 1);
  });

  it('get a channel, shown first, while they run and for later; once is enough', async () => {
    const dry = await add('web', 'web', '--dry-run');
    assert.equal(dry.code, 0, dry.err);
    const plan = JSON.parse(dry.out) as { xml: string; changes: string[] };
    assert.match(plan.xml, /<target type='virtio' name='org.causeway.0'\/>/);
    assert.deepEqual(plan.changes, ['config', 'live']);
    assert.equal(channels('web') + channels('web', '--inactive'), 0, 'nothing is changed');

    const done = await add('web', 'web');
    assert.equal(done.code, 0, `${done.out}${done.err}`);
    assert.equal((JSON.parse(done.out) as { needsRestart: boolean }).needsRestart, false);
    assert.deepEqual([channels('web'), channels('web', '--inactive')], [1, 1]);
    assert.ok(existsSync(join(folder, 'web.sock')), 'QEMU listens there');
    const again = await add('web', 'web');
    assert.equal(again.code, 0, again.out);
    assert.deepEqual((JSON.parse(again.out) as { plan: { changes: string[] } }).plan.changes, []);
    assert.equal(channels('web'), 1);
    await refused('CW_VM_EXISTS', 'other', 'web');
    const { vm, add: command } = named(await look(), 'web');
    assert.deepEqual([vm, command], ['web', null]);
  });

  it('say where a restart is needed: the channel is there from then on', async () => {
    const { code, out, err } = await add('old', 'old');
    assert.equal(code, 0, out);
    assert.equal((JSON.parse(out) as { needsRestart: boolean }).needsRestart, true);
    assert.match(err, /old takes the channel when it is shut down and started again/);
    assert.deepEqual([channels('old'), channels('old', '--inactive')], [0, 1]);
  });

  it('are rid of the channel again', async () => {
    const { code, out, err } = await cli('vm', 'rm', 'web', '--detach', '--connect', libvirtd.uri);
    assert.equal(code, 0, `${out}${err}`);
    assert.match(out, /virsh --quiet --connect \S+ detach-device/);
    await until('the channel is gone', 20_000, () => (channels('web') === 0 ? true : null));
    assert.equal(channels('web', '--inactive'), 0);
  });

  it('say what is wrong', async () => {
    await refused('CW_LIBVIRT_DOMAIN', 'x', 'nothing');
    await refused('CW_USAGE', 'x', 'web', '--socket', `/${'x'.repeat(120)}`);
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync('/usr/bin/env', join(bin, 'env'));
    assert.match(await withoutRights({ PATH: bin }), /CW_PROGRAM_MISSING/);
    const { missed } = await client.call('discoverVms', {}, { uri: `qemu:///system?socket=${folder}/none` });
    assert.deepEqual(
      missed.map(({ code }) => code),
      ['CW_LIBVIRT_DOWN'],
    );
  });

  /** The command in another environment. */
  async function withoutRights(env: Record<string, string>): Promise<string> {
    const words = ['vm', 'add', 'x', '--libvirt', 'web', '--connect', libvirtd.uri, '--json'];
    const child = spawn(process.execPath, [join(ROOT, 'src/cli/main.ts'), '--data', data, ...words], { env });
    let out = '';
    child.stdout.on('data', (piece: Buffer) => {
      out += piece.toString();
    });
    await new Promise((resolve) => child.once('close', resolve));
    return out;
  }
});
