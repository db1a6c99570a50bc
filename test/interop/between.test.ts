import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { FaultProxy } from './fault_proxy.ts';
import { type Machine, Rig, until } from './rig.ts';
import { listing, mixedTree, randomFile, sha256, unfinishedIn } from './trees.ts';

const MIB = 1024 * 1024;

/** Bytes that were sent, taken from the version there, and zeros. */
function counted({ sentBytes, reusedBytes, zeroBytes }: JobView): number[] {
  return [sentBytes, reusedBytes, zeroBytes];
}

describe('a copy from one machine to another', () => {
  let rig: Rig;
  let b: Machine;
  let plain: Machine;
  let proxy: FaultProxy;
  /** On the machine `vm`, which has the sources. */
  let there: string;
  before(async () => {
    rig = await Rig.start();
    plain = await rig.addMachine('plain', { plain: true });
    b = await rig.addMachine('b', {
      between: async (port) => {
        proxy = await FaultProxy.start(port);
        return proxy.port;
      },
    });
    there = rig.guestFiles;
  });
  after(async () => {
    await rig[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });

  async function cp(...args: string[]): Promise<{ code: number; views: JobView[]; err: string }> {
    const { code, out, err } = await rig.cli('cp', '--json', ...args);
    const views = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as JobView);
    return { code, views, err };
  }

  for (const to of ['b', 'plain']) {
    test(`a tree arrives whole, and again only what differs (to ${to})`, async () => {
      const target = to === 'b' ? b.files : plain.files;
      const source = join(there, `tree for ${to}`);
      mixedTree(source, 300);
      randomFile(join(source, 'big'), 20 * MIB + 3);
      const first = await cp(`vm:${source}`, `${to}:${target}/`);
      assert.equal(first.code, 0, first.err);
      assert.equal(listing(join(target, `tree for ${to}`)), listing(source));
      assert.deepEqual([unfinishedIn(target), unfinishedIn(there)], [[], []]);
      assert.deepEqual(readdirSync(rig.hostFiles), [], 'nothing lies on the host');
      const end = first.views.at(-1)!;
      assert.deepEqual([end.direction, end.fromVm, end.vm, end.percent], ['between', 'vm', to, 100]);
      const [sent, received] = [end.sentBytes, end.receivedBytes].map((bytes) => bytes + end.zeroBytes);
      assert.deepEqual([sent, received, end.durableBytes], Array(3).fill(end.plannedBytes));
      const sides = new Map(end.stages.map(({ side, stage }) => [stage, side]));
      assert.deepEqual([sides.get('sourceRead'), sides.get('destinationWrite')], ['source', 'guest']);
      const again = await cp(`vm:${source}`, `${to}:${target}/`);
      assert.deepEqual([again.code, again.views.at(-1)!.sentBytes], [0, 0]);
    });
  }

  test('what the other machine has of a file, and zeros, are told as such', async () => {
    const source = join(there, 'disk.img');
    randomFile(source, 8 * MIB);
    truncateSync(source, 12 * MIB);
    const first = await cp(`vm:${source}`, `b:${b.files}`);
    assert.equal(first.code, 0, first.err);
    assert.deepEqual(counted(first.views.at(-1)!), [8 * MIB, 0, 4 * MIB]);
    writeFileSync(source, randomBytes(64 * 1024), { flag: 'r+' });
    const again = await cp(`vm:${source}`, `b:${b.files}`);
    assert.equal(again.code, 0, again.err);
    assert.deepEqual(counted(again.views.at(-1)!), [64 * 1024, 8 * MIB - 64 * 1024, 4 * MIB]);
    assert.equal(sha256(join(b.files, 'disk.img')), sha256(source));
  });

  test('what comes over a link without TLS is checked on arrival and arrives whole', async () => {
    const source = join(plain.files, 'unprotected');
    randomFile(source, 9 * MIB);
    const { code, err } = await cp(`plain:${source}`, `b:${b.files}`);
    assert.equal(code, 0, err);
    assert.equal(sha256(join(b.files, 'unprotected')), sha256(source));
  });

  test('one agent that is known under two names has both parts', { timeout: 30_000 }, async () => {
    const endpoint = { kind: 'unix' as const, path: join(rig.folder, 'plain', 'sock') };
    await rig.client.call('addVm', {}, { name: 'alias', endpoint, trustCarrier: true });
    const source = join(plain.files, 'twice');
    randomFile(source, 3 * MIB);
    const { code, err } = await cp(`plain:${source}`, `alias:${join(plain.files, 'copy of twice')}`);
    assert.equal(code, 0, err);
    assert.equal(sha256(join(plain.files, 'copy of twice')), sha256(source));
  });

  test('a source that is missing, a machine with itself, and two sources on two machines are refused', async () => {
    const missing = await rig.cli('cp', `vm:${there}/nothing`, `b:${b.files}/`);
    assert.equal(missing.code, 4, missing.err);
    assert.match(missing.err, /nothing does not exist[\s\S]*CW_COPY_SOURCE_MISSING/);
    const folder = await rig.cli('cp', `vm:${there}`, `b:${b.files}/no/such/place/`);
    assert.equal(folder.code, 4, folder.err);
    assert.match(folder.err, /CW_COPY_DEST_MISSING/);
    for (const args of [
      ['vm:/etc/hosts', 'vm:/tmp/x'],
      ['vm:/etc/hosts', 'b:/etc/hosts', 'plain:/tmp/'],
    ]) {
      const { code, err } = await rig.cli('cp', ...args);
      assert.equal(code, 2);
      assert.match(err, /CW_COPY_SAME_SIDE/);
    }
    const unknown = await rig.cli('cp', 'nobody:/etc/hosts', 'b:/tmp/');
    assert.equal(unknown.code, 4);
    assert.match(unknown.err, /CW_VM_UNKNOWN/);
  });

  test('an entry that cannot be read is listed, the others are copied: exit 3', async () => {
    const source = join(there, 'partly');
    mkdirSync(source);
    writeFileSync(join(source, 'good'), 'good');
    mkdirSync(join(b.files, 'partly', 'bad'), { recursive: true });
    writeFileSync(join(source, 'bad'), 'a file where a folder stands');
    const { code, views } = await cp(`vm:${source}`, `b:${b.files}/`);
    assert.equal(code, 3);
    assert.deepEqual(
      views.at(-1)!.problems.map(({ path, code }) => [path, code]),
      [['partly/bad', 'CW_COPY_KIND']],
    );
    assert.ok(existsSync(join(b.files, 'partly', 'good')));
  });

  test('a copy survives cut links and the death of both agents; progress never falls', {
    timeout: 120_000,
  }, async (t) => {
    const source = join(there, 'survivor');
    randomFile(source, 300 * MIB);
    proxy.rateBytesPerSecond = 60 * MIB;
    const job = await rig.client.call(
      'startJob',
      {},
      { direction: 'between', fromVm: 'vm', vm: 'b', sources: [source], destination: b.files },
    );
    const beyond = (bytes: number) =>
      until(`${bytes} are durable`, 60_000, async () =>
        (await rig.job(job.id)).durableBytes >= bytes ? true : null,
      );
    let percent = 0;
    const watching = (async () => {
      for await (const view of rig.client.watch(job.id, AbortSignal.timeout(100_000))) {
        assert.ok((view.percent ?? percent) >= percent, `${view.percent} after ${percent}`);
        percent = view.percent ?? percent;
        if (view.endedAtMs === null) assert.ok(percent < 100);
      }
    })();
    await beyond(20 * MIB);
    proxy.cut();
    await beyond(80 * MIB);
    await b.agent.kill();
    b.restart();
    await b.agent.ready;
    await beyond(140 * MIB);
    await rig.agent.kill();
    rig.startAgent();
    await rig.agent.ready;
    const end = await rig.waitJob(job.id);
    await watching;
    proxy.rateBytesPerSecond = null;
    assert.equal(end.state, 'done', JSON.stringify(end.error));
    assert.equal(sha256(join(b.files, 'survivor')), sha256(source));
    t.diagnostic(`${end.attempts} attempts, ${(end.sentBytes / MIB).toFixed(0)} MiB sent for 300 MiB`);
    assert.ok(end.sentBytes <= (300 + 2 * 64) * MIB, `${end.sentBytes} bytes sent`);
    assert.deepEqual(unfinishedIn(b.files), []);
  });

  test('Ctrl-C keeps what is there for the same command; a cancel removes it', {
    timeout: 60_000,
  }, async () => {
    const source = join(there, 'stopped');
    randomFile(source, 200 * MIB);
    proxy.rateBytesPerSecond = 40 * MIB;
    const request = {
      direction: 'between' as const,
      fromVm: 'vm',
      vm: 'b',
      sources: [source],
      destination: b.files,
    };
    const started = await rig.client.call('startJob', {}, request);
    const flows = (id: string) =>
      until('bytes are durable', 30_000, async () =>
        (await rig.job(id)).durableBytes > 40 * MIB ? true : null,
      );
    await flows(started.id);
    const stopped = await rig.client.call('interruptJob', { id: started.id });
    assert.equal(stopped.state, 'interrupted');
    assert.equal(unfinishedIn(b.files).length, 1);
    const second = await rig.client.call('startJob', {}, request);
    await until('it goes on', 30_000, async () =>
      (await rig.job(second.id)).recoveredBytes >= 32 * MIB ? true : null,
    );
    const cancelled = await rig.client.call('cancelJob', { id: second.id });
    assert.equal(cancelled.state, 'cancelled');
    proxy.rateBytesPerSecond = null;
    await until('nothing is left', 20_000, () => (unfinishedIn(b.files).length > 0 ? null : true));
    assert.ok(!existsSync(join(b.files, 'stopped')));
    const { jobs } = await rig.client.call('listJobs', {}, { vm: 'vm' });
    assert.ok(
      jobs.some(({ id }) => id === second.id),
      'it is found by either machine',
    );
  });
});
