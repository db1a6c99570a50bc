import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { GroupView, JobView } from '../../src/contract/schemas.ts';
import { FaultProxy } from './fault_proxy.ts';
import { type Machine, Rig, until } from './rig.ts';
import { listing, mixedTree, randomFile, sha256 } from './trees.ts';

const MIB = 1024 * 1024;

function writeAt(path: string, bytes: Uint8Array, offset: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.byteLength, offset);
  closeSync(fd);
}

describe('a copy to several machines', () => {
  let rig: Rig;
  const machines: Machine[] = [];
  let proxy: FaultProxy;
  before(async () => {
    rig = await Rig.start();
    machines.push(await rig.addMachine('a'), await rig.addMachine('b'));
    const between = async (port: number) => {
      proxy = await FaultProxy.start(port);
      return proxy.port;
    };
    machines.push(await rig.addMachine('c', { between }));
  });
  after(async () => {
    await rig[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });

  async function cp(...args: string[]): Promise<{ code: number; group: GroupView; views: JobView[] }> {
    const { code, out, err } = await rig.cli('cp', '--json', ...args);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    assert.ok((lines.at(-1) as GroupView).jobs, out.slice(-500) + err);
    return { code, group: lines.at(-1) as GroupView, views: lines.slice(0, -1) as JobView[] };
  }

  test('the source is read once for three machines of equal speed, and all of them have it', {
    timeout: 120_000,
  }, async (t) => {
    const source = join(rig.hostFiles, 'wide');
    mixedTree(source, 200);
    randomFile(join(source, 'big'), 120 * MIB);
    // equal speed whatever else the machine does: each has the same limit
    const { code, group } = await cp('--to', 'a,b,c', '--limit', '20M', source, 'wide');
    assert.equal(code, 0, JSON.stringify(group.jobs.map(({ error, problems }) => [error, problems])));
    assert.deepEqual(
      group.jobs.map(({ vm, state, group: id }) => [vm, state, id]),
      ['a', 'b', 'c'].map((vm) => [vm, 'done', group.id]),
    );
    const size = group.jobs[0]!.plannedBytes;
    t.diagnostic(`${group.readBytes} bytes read for ${group.sentBytes} sent, ${size} planned for each`);
    assert.equal(group.sentBytes, 3 * size);
    assert.ok(group.readBytes <= 1.1 * size, `${(group.readBytes / size).toFixed(2)} times read`);
    for (const { files } of machines) assert.equal(listing(join(files, 'wide')), listing(source));
    const shown = await rig.cli('jobs', 'show', group.id);
    assert.equal(shown.code, 0);
    assert.match(shown.out, /MACHINE[\s\S]*\bb\b.*done[\s\S]*\(once for all\), sent: /);
    const { jobs } = JSON.parse(
      (await rig.cli('jobs', 'ls', '--json', '--group', group.id)).out,
    ) as GroupView;
    assert.equal(jobs.length, 3);
  });

  test('of a changed disk image each machine gets what it lacks, from one read', {
    timeout: 60_000,
  }, async () => {
    const source = join(rig.hostFiles, 'disk.img');
    randomFile(source, 48 * MIB);
    // `a` has the image, `b` a version with other first 8 MiB, `c` nothing
    for (const { files } of machines.slice(0, 2)) copyFileSync(source, join(files, 'disk.img'));
    writeAt(join(machines[1]!.files, 'disk.img'), randomBytes(8 * MIB), 0);
    // two changes within a tick of the clock of files would have the same time
    for (const { files } of machines.slice(0, 2))
      utimesSync(join(files, 'disk.img'), 1_700_000_000, 1_700_000_000);
    writeAt(source, randomBytes(64 * 1024), 20 * MIB);
    const { code, group } = await cp('--to', 'a,b,c', '--limit', '20M', source, 'disk.img');
    assert.equal(code, 0);
    const sent = group.jobs.map(({ sentBytes }) => sentBytes);
    assert.deepEqual(sent, [64 * 1024, 8 * MIB + 64 * 1024, 48 * MIB]);
    for (const { files } of machines) assert.equal(sha256(join(files, 'disk.img')), sha256(source));
  });

  test('a slow machine holds up no other', { timeout: 120_000 }, async (t) => {
    const source = join(rig.hostFiles, 'uneven');
    randomFile(source, 120 * MIB);
    proxy.rateBytesPerSecond = 6 * MIB;
    const started = await rig.client.call(
      'startGroup',
      {},
      { direction: 'in', vms: ['a', 'b', 'c'], sources: [source], destination: 'uneven' },
    );
    const show = () => rig.client.call('showGroup', { id: started.id });
    const whenOthersEnded = await until('the fast ones are done', 60_000, async () => {
      const { jobs } = await show();
      return jobs.slice(0, 2).every(({ endedAtMs }) => endedAtMs !== null) ? jobs : null;
    });
    assert.equal(whenOthersEnded[2]!.state, 'running');
    t.diagnostic(`the slow one was at ${whenOthersEnded[2]!.percent} %`);
    assert.ok(whenOthersEnded[2]!.durableBytes < 60 * MIB);
    proxy.rateBytesPerSecond = null;
    const waited = await rig.cli('jobs', 'wait', '--quiet', started.id);
    assert.equal(waited.code, 0, waited.err);
    for (const { files } of machines) assert.equal(sha256(join(files, 'uneven')), sha256(source));
  });

  test('where one machine fails the others have it: exit 3, each listed; where all fail, their code', async () => {
    const source = join(rig.hostFiles, 'some');
    randomFile(source, MIB);
    mkdirSync(join(machines[1]!.files, 'some', 'where'), { recursive: true });
    mkdirSync(join(machines[2]!.files, 'some', 'where'), { recursive: true });
    const partly = await rig.cli('cp', '--to', 'a,b,c', '--quiet', source, 'some/where/');
    assert.equal(partly.code, 3, partly.err);
    assert.match(partly.err, /a: failed: [\s\S]*CW_COPY_DEST_MISSING[\s\S]*b: done: [\s\S]*c: done: /);
    const none = await rig.cli('cp', '--to', 'a,b', '--quiet', source, 'no/such/folder/');
    assert.equal(none.code, 4, none.err);
  });

  test('from one machine to several others, through the host', { timeout: 60_000 }, async () => {
    const source = join(rig.guestFiles, 'spread');
    mixedTree(source, 50);
    const { code, group } = await cp('--to', 'a,b', `vm:${source}`, 'spread');
    assert.equal(code, 0);
    assert.deepEqual(
      group.jobs.map(({ direction, fromVm, vm }) => [direction, fromVm, vm]),
      ['a', 'b'].map((vm) => ['between', 'vm', vm]),
    );
    for (const { files } of machines.slice(0, 2))
      assert.equal(listing(join(files, 'spread')), listing(source));
  });

  test('one id pauses, resumes and cancels all', { timeout: 60_000 }, async () => {
    const source = join(rig.hostFiles, 'stopped');
    randomFile(source, 300 * MIB);
    const { out } = await rig.cli('cp', '--detach', '--limit', '20M', '--to', 'a,b', source, 'stopped');
    const id = out.trim();
    assert.match(id, /^g[0-9a-f]{8}$/);
    const states = async () =>
      (await rig.client.call('showGroup', { id })).jobs.map(({ state }) => state).join(' ');
    await until(
      'bytes flow',
      20_000,
      async () =>
        (await rig.client.call('showGroup', { id })).jobs.every(({ durableBytes }) => durableBytes > 0) ||
        null,
    );
    assert.equal((await rig.cli('jobs', 'pause', id)).code, 0);
    assert.equal(await states(), 'paused paused');
    assert.equal((await rig.cli('jobs', 'resume', id)).code, 0);
    assert.match(await states(), /^(running|waiting) (running|waiting)$/);
    assert.equal((await rig.cli('jobs', 'cancel', id)).code, 0);
    assert.equal(await states(), 'cancelled cancelled');
    for (const { files } of machines) assert.ok(!existsSync(join(files, 'stopped')));
    const unknown = await rig.cli('jobs', 'show', 'gffffffff');
    assert.equal(unknown.code, 4);
  });

  for (const args of [
    ['--to', 'a,a', '/etc/hosts', '/tmp/x'],
    ['--to', 'a,', '/etc/hosts', '/tmp/x'],
    ['--to', 'a,b', '/etc/hosts', 'c:/tmp/x'],
  ]) {
    test(`refuses cp ${args.join(' ')}`, async () => {
      const { code, err } = await rig.cli('cp', ...args);
      assert.equal(code, 2, err);
      assert.match(err, /CW_USAGE/);
    });
  }
});
