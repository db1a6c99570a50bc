import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { CutRig } from '../fixtures/cut_rig.ts';
import { metadataListing, metadataTree } from './metadata_tree.ts';
import { Rig, until } from './rig.ts';
import { mixedTree, randomFile, sha256, unfinishedIn } from './trees.ts';

const MIB = 1024 * 1024;
const isRequired = process.env['CAUSEWAY_REQUIRE'] === 'all';
/** Only root can mount, and give files away. */
const skipRoot = process.getuid?.() === 0 || isRequired ? false : 'needs root';

const skipXfs =
  skipRoot || (existsSync('/sbin/mkfs.xfs') || isRequired ? false : 'needs xfsprogs and a kernel with XFS');

type Method = 'reflink' | 'copy_file_range' | 'direct';

/** Files by each way. */
function filesBy({ direct }: JobView): Partial<Record<Method, number>> {
  return Object.fromEntries((direct?.methods ?? []).map(({ method, files }) => [method, files]));
}

/** Progress comes as lines before it. */
function lastOf(out: string): JobView {
  return JSON.parse(out.trim().split('\n').at(-1)!) as JobView;
}

function same(a: string, b: string): void {
  execFileSync('diff', ['-r', '--no-dereference', a, b]);
}

for (const channel of ['a Unix socket', 'TLS'] as const) {
  describe(`copies without the link, daemon and agent by ${channel}`, () => {
    let rig: Rig;
    before(async () => {
      const unix = channel === 'a Unix socket';
      rig = await Rig.start({ direct: true, unix, trustCarrier: unix });
    });
    after(() => rig[Symbol.asyncDispose]());

    async function copied(direction: 'in' | 'out', source: string, destination: string): Promise<JobView> {
      const end = await rig.waitJob((await rig.startJob(direction, source, destination)).id);
      assert.equal(end.state, 'done', JSON.stringify(end.error ?? end.problems));
      assert.equal(end.sentBytes, 0, JSON.stringify(end.direct));
      assert.equal(end.percent, 100);
      assert.equal(end.direct?.backFiles, 0, JSON.stringify(end.direct));
      return end;
    }

    test('a tree is the same on both ways, its large file by the kernel or by reading and writing, and the job says so', async () => {
      const tree = join(rig.hostFiles, 'tree');
      mixedTree(tree, 300);
      randomFile(join(tree, 'large.img'), 70 * MIB + 13);
      const end = await copied('in', tree, `${rig.guestFiles}/`);
      const by = filesBy(end);
      const bytes = end.direct!.methods.reduce((sum, share) => sum + share.bytes, 0);
      assert.equal(bytes, end.plannedBytes);
      assert.ok((by.direct ?? 0) > 100, JSON.stringify(by));
      same(tree, join(rig.guestFiles, 'tree'));
      const shown = await rig.cli('jobs', 'show', end.id);
      assert.match(shown.out, /^direct +.* by direct \(\d+ files\)/m);
      assert.deepEqual(unfinishedIn(rig.guestFiles), []);
      await copied('out', `${rig.guestFiles}/tree`, join(rig.hostFiles, 'back'));
      same(tree, join(rig.hostFiles, 'back'));
    });

    test('a single file, several sources, and what is inside a folder', async () => {
      const folder = join(rig.hostFiles, 'several');
      mkdirSync(join(folder, 'sub'), { recursive: true });
      randomFile(join(folder, 'one'), 3 * MIB);
      writeFileSync(join(folder, 'two'), 'two');
      writeFileSync(join(folder, 'sub', 'three'), 'three');
      execFileSync('ln', ['-s', 'one', join(folder, 'link')]);
      const there = join(rig.guestFiles, 'several');
      mkdirSync(there);
      const request = { direction: 'in' as const, vm: 'vm', destination: `${there}/` };
      const sources = ['link', 'two', 'sub'].map((name) => join(folder, name));
      const job = await rig.client.call('startJob', {}, { ...request, sources });
      const end = await rig.waitJob(job.id);
      assert.deepEqual([end.state, end.sentBytes], ['done', 0], JSON.stringify(end.direct));
      assert.equal(sha256(join(there, 'link')), sha256(join(folder, 'one')));
      same(join(folder, 'sub'), join(there, 'sub'));
      await copied('in', `${folder}/sub/.`, join(rig.guestFiles, 'inside'));
      same(join(folder, 'sub'), join(rig.guestFiles, 'inside'));
    });

    test('what is replaced is kept, and comes back by an undo', async () => {
      const [source, there] = [join(rig.hostFiles, 'new.img'), join(rig.guestFiles, 'new.img')];
      randomFile(there, 2 * MIB);
      randomFile(source, 5 * MIB);
      const before = sha256(there);
      const end = await copied('in', source, there);
      assert.equal(sha256(there), sha256(source));
      const undone = await rig.cli('jobs', 'undo', end.id);
      assert.equal(undone.code, 0, undone.err);
      assert.equal(sha256(there), before);
    });

    test('holes stay holes, and zeros that were written are right', async () => {
      const source = join(rig.hostFiles, 'sparse');
      const fd = openSync(source, 'w');
      ftruncateSync(fd, 200 * MIB + 5);
      for (const at of [0, 40 * MIB + 123, 199 * MIB])
        writeSync(fd, Buffer.alloc(70_000, 'x'), 0, 70_000, at);
      writeSync(fd, Buffer.alloc(MIB), 0, MIB, 100 * MIB);
      closeSync(fd);
      await copied('in', source, `${rig.guestFiles}/`);
      execFileSync('cmp', [source, join(rig.guestFiles, 'sparse')]);
      assert.ok(statSync(join(rig.guestFiles, 'sparse')).blocks * 512 < 4 * MIB);
    });

    test('owners, attributes, access lists and further names come along', { skip: skipRoot }, async () => {
      const tree = join(rig.hostFiles, 'described');
      metadataTree(tree);
      await copied('in', tree, `${rig.guestFiles}/`);
      assert.equal(metadataListing(join(rig.guestFiles, 'described')), metadataListing(tree));
    });
  });
}

describe('copies without the link that are disturbed', () => {
  const SIZE = 128 * MIB;
  const isUnderWay = (rig: Rig, id: string) =>
    until('the copy has begun', 60_000, async () => {
      const { durableBytes, endedAtMs } = await rig.job(id);
      return durableBytes > 0 || endedAtMs !== null ? true : null;
    });

  test('a source that changes meanwhile arrives as it was or as it is, in whole', async () => {
    await using rig = await Rig.start({ direct: true, unix: true, trustCarrier: true });
    const source = join(rig.hostFiles, 'growing');
    randomFile(source, SIZE);
    const before = sha256(source);
    const { id } = await rig.startJob('in', source, `${rig.guestFiles}/`);
    await isUnderWay(rig, id);
    appendFileSync(source, 'more');
    const end = await rig.waitJob(id);
    assert.equal(end.state, 'done', JSON.stringify(end.error ?? end.problems));
    assert.ok([before, sha256(source)].includes(sha256(join(rig.guestFiles, 'growing'))));
    // where the change was seen, the file came over the link, and the job says why
    if (end.sentBytes > 0) assert.match(end.direct?.why ?? '', /growing/);
    assert.deepEqual(unfinishedIn(rig.guestFiles), []);
  });

  test('cuts of the link end nothing: the same attempt goes on, and no byte of the file travels', async () => {
    await using cut = await CutRig.start({ direct: true });
    const { rig, proxy } = cut;
    const [source, there] = [join(rig.hostFiles, 'file'), join(rig.guestFiles, 'file')];
    randomFile(source, 4 * SIZE);
    const { id } = await rig.startJob('in', source, there);
    await isUnderWay(rig, id);
    proxy.cut();
    await rig.waitUp();
    proxy.cut();
    const end = await rig.waitJob(id);
    assert.equal(end.state, 'done', JSON.stringify(end.error ?? end.problems));
    assert.deepEqual([end.attempts, end.sentBytes], [1, 0], JSON.stringify(end.direct));
    assert.equal(sha256(there), sha256(source));
    assert.deepEqual(unfinishedIn(rig.guestFiles), []);
  });

  for (const who of ['agent', 'daemon'] as const) {
    test(`SIGKILL of the ${who}: nothing or the whole, and the same copy finishes`, async () => {
      await using rig = await Rig.start({ direct: true });
      const [source, there] = [join(rig.hostFiles, 'file'), join(rig.guestFiles, 'file')];
      randomFile(source, SIZE);
      const { id } = await rig.startJob('in', source, there);
      await isUnderWay(rig, id);
      await rig[who].kill();
      if (existsSync(there)) assert.equal(sha256(there), sha256(source));
      if (who === 'agent') rig.startAgent();
      else rig.startDaemon();
      await rig[who].ready;
      const end = await rig.waitJob(id);
      // a copy that was running when the daemon died is taken up by the same command
      if (end.state !== 'done') {
        await rig.waitUp();
        const again = await rig.waitJob((await rig.startJob('in', source, there)).id);
        assert.equal(again.state, 'done', JSON.stringify(again.error ?? again.problems));
      }
      assert.equal(sha256(there), sha256(source));
      assert.deepEqual(unfinishedIn(rig.guestFiles), []);
    });
  }

  test('on a file system that shares blocks a large file takes none', { skip: skipXfs }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-xfs-'));
    const [image, mounted] = [join(folder, 'image'), join(folder, 'mounted')];
    try {
      closeSync(openSync(image, 'w'));
      truncateSync(image, 8 * 1024 * MIB);
      mkdirSync(mounted);
      execFileSync('/sbin/mkfs.xfs', ['-q', '-m', 'reflink=1', image]);
      execFileSync('mount', ['-o', 'loop', image, mounted]);
      try {
        await using rig = await Rig.start({ direct: true, folder: mounted });
        const [source, there] = [join(rig.hostFiles, 'file'), join(rig.guestFiles, 'file')];
        execFileSync('fallocate', ['-l', '3G', source]);
        const fd = openSync(source, 'r+');
        writeSync(fd, Buffer.alloc(MIB, 'x'), 0, MIB, 1024 * MIB);
        closeSync(fd);
        const end = await rig.waitJob((await rig.startJob('in', source, there)).id);
        assert.equal(end.state, 'done', JSON.stringify(end.error ?? end.problems));
        assert.deepEqual(filesBy(end), { reflink: 1 });
        execFileSync('cmp', ['-i', String(1023 * MIB), '-n', String(3 * MIB), source, there]);
        assert.equal(statSync(there).size, statSync(source).size);
        const undone = await rig.cli('jobs', 'undo', end.id);
        assert.equal(undone.code, 0, undone.err);
        assert.equal(existsSync(there), false);
      } finally {
        execFileSync('umount', [mounted]);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('copies that cannot do without the link', () => {
  test('go over it and say why, or are refused where they must not', async () => {
    await using rig = await Rig.start({ direct: true });
    const source = join(rig.hostFiles, 'file');
    randomFile(source, 2 * MIB);
    const there = `vm:${rig.guestFiles}/`;
    const limited = await rig.cli('cp', '--json', '-W', '--limit', '1G', source, `${there}limited`);
    assert.equal(limited.code, 0, limited.err);
    const job = lastOf(limited.out);
    assert.equal(job.sentBytes, 2 * MIB);
    assert.match((await rig.cli('jobs', 'show', job.id)).out, /^direct +no: the copy has a limit/m);
    const refused = await rig.cli('cp', '--direct', 'always', '--limit', '1G', source, `${there}refused`);
    assert.equal(refused.code, 4);
    assert.match(refused.err + refused.out, /CW_COPY_NOT_DIRECT/);
    assert.equal(existsSync(join(rig.guestFiles, 'refused')), false);
    const never = await rig.cli('cp', '--json', '-W', '--direct', 'never', source, `${there}never`);
    assert.equal(never.code, 0, never.err);
    const linked = lastOf(never.out);
    assert.deepEqual([linked.sentBytes, linked.direct], [2 * MIB, null]);
    const wrong = await rig.cli('cp', '--direct', 'sometimes', source, there);
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /auto, always or never/);
  });

  test('an agent that looks the same and is another machine is not taken for this one', {
    skip: skipRoot,
  }, async () => {
    await using rig = await Rig.start({
      direct: true,
      agentScript: join(import.meta.dirname, 'apart_agent.ts'),
    });
    const source = join(rig.hostFiles, 'file');
    randomFile(source, 2 * MIB);
    const end = await rig.waitJob((await rig.startJob('in', source, `${rig.guestFiles}/`)).id);
    assert.deepEqual([end.state, end.sentBytes], ['done', 2 * MIB]);
    assert.match(end.direct?.why ?? '', /another machine|no such process|may not read the same/);
    assert.equal(sha256(join(rig.guestFiles, 'file')), sha256(source));
  });
});
