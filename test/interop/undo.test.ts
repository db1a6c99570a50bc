import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { metadataListing, run } from './metadata_tree.ts';
import { Rig, until } from './rig.ts';
import { listing } from './trees.ts';

const FILES = 1_000;
const isRoot = process.getuid?.() === 0;

describe('undo', () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.start();
  });
  after(() => rig[Symbol.asyncDispose]());

  const cp = async (expected: number, ...args: string[]): Promise<JobView> => {
    const { code, out, err } = await rig.cli('cp', '--json', ...args);
    assert.equal(code, expected, `${out.slice(-2_000)} ${err}`);
    return JSON.parse(out.trim().split('\n').at(-1)!) as JobView;
  };
  const undo = async (expected: number, id: string): Promise<JobView> => {
    const { code, out, err } = await rig.cli('jobs', 'undo', '--json', id);
    assert.equal(code, expected, `${out.slice(-2_000)} ${err}`);
    return JSON.parse(out.trim().split('\n').at(-1)!) as JobView;
  };

  test(`${FILES} overwritten files come back, with all that they had`, async (t) => {
    const source = join(rig.hostFiles, 'many');
    const there = join(rig.guestFiles, 'many');
    for (const [folder, version] of [
      [source, 'new'],
      [there, 'old'],
    ] as const)
      layOut(folder, version);
    const before = picture(there);
    const job = await cp(0, '--whole-file', `${source}/.`, `vm:${there}`);
    assert.ok((job.undo?.kept ?? 0) >= FILES, JSON.stringify(job.undo));
    assert.equal(job.undo?.missing, 0);
    assert.notDeepEqual(picture(there), before);
    const shown = await rig.cli('jobs', 'show', job.id);
    assert.match(
      shown.out,
      /undo +10\d\d replaced \(.* kept\), \d+ new.*until 20\d\d-.* UTC: causeway jobs undo/,
    );
    const start = performance.now();
    const { undo: done } = await undo(0, job.id);
    t.diagnostic(`undone in ${((performance.now() - start) / 1000).toFixed(2)} s: ${JSON.stringify(done)}`);
    assert.equal(done?.state, 'done');
    assert.deepEqual(picture(there), before);
    assert.ok(!existsSync(join(there, '.causeway')), 'nothing is kept any more');
    assert.equal((await undo(0, job.id)).undo?.state, 'done');
  });

  test('out of the machine too; what only the copy has made is gone', async () => {
    const source = join(rig.guestFiles, 'out');
    const target = join(rig.hostFiles, 'target');
    mkdirSync(join(source, 'sub'), { recursive: true });
    writeFileSync(join(source, 'sub', 'file'), 'content');
    writeFileSync(join(source, 'empty'), '');
    linkSync(join(source, 'sub', 'file'), join(source, 'further name'));
    symlinkSync('sub/file', join(source, 'link'));
    mkdirSync(target);
    writeFileSync(join(target, 'mine'), 'mine');
    const before = picture(target);
    const job = await cp(0, `vm:${source}`, `${target}/`);
    assert.equal(readFileSync(join(target, 'out', 'further name'), 'utf8'), 'content');
    assert.equal((await undo(0, job.id)).undo?.state, 'done');
    assert.deepEqual(picture(target), before);
  });

  test('owner, mode and attributes that a copy changed on files that stay', { skip: !isRoot }, async () => {
    const source = join(rig.hostFiles, 'attrs');
    const there = join(rig.guestFiles, 'attrs');
    for (const folder of [source, there]) {
      mkdirSync(join(folder, 'inner'), { recursive: true });
      for (const name of ['a', 'b']) {
        writeFileSync(join(folder, name), name);
        utimesSync(join(folder, name), 1_700_000_000, 1_700_000_000);
      }
    }
    chmodSync(join(source, 'a'), 0o600);
    chownSync(join(source, 'a'), 7, 8);
    run(source, 'setfattr', '-n', 'user.comment', '-v', 'another', 'b');
    run(source, 'setfacl', '-m', 'u:1001:r', 'b');
    run(there, 'setfattr', '-n', 'user.comment', '-v', 'mine', 'b');
    run(there, 'setfacl', '-m', 'u:1002:rw', 'inner');
    const before = metadataListing(there);
    const job = await cp(0, `${source}/.`, `vm:${there}`);
    assert.equal(job.sentBytes, 0);
    assert.equal(statSync(join(there, 'a')).uid, 7);
    assert.equal(run(there, 'getfattr', '--only-values', '-n', 'user.comment', 'b'), 'another');
    assert.doesNotMatch(run(there, 'getfacl', '-n', 'inner'), /1002/);
    assert.equal(job.undo?.changed, 2);
    assert.equal((await undo(0, job.id)).undo?.state, 'done');
    assert.equal(metadataListing(there), before);
  });

  test('what was changed since is left and listed; the rest comes back', async () => {
    const source = join(rig.hostFiles, 'some');
    const there = join(rig.guestFiles, 'some');
    for (const [folder, version] of [
      [source, 'new'],
      [there, 'old'],
    ] as const) {
      mkdirSync(folder);
      for (const name of ['a', 'b']) writeFileSync(join(folder, name), `${version} version of ${name}`);
      for (const name of ['a', 'b'])
        utimesSync(join(folder, name), 1_600_000_000, version === 'old' ? 1_600_000_000 : 1_700_000_000);
    }
    writeFileSync(join(source, 'made'), 'made');
    const job = await cp(0, `${source}/.`, `vm:${there}`);
    appendFileSync(join(there, 'a'), ', edited');
    appendFileSync(join(there, 'made'), ', edited');
    const { undo: left } = await undo(3, job.id);
    assert.equal(left?.state, 'partial');
    assert.deepEqual(left?.problems.map(({ path, code }) => `${path} ${code}`).toSorted(), [
      'a CW_UNDO_CHANGED',
      'made CW_UNDO_CHANGED',
    ]);
    assert.equal(readFileSync(join(there, 'a'), 'utf8'), 'new version of a, edited');
    assert.equal(readFileSync(join(there, 'b'), 'utf8'), 'old version of b');
    rmSync(join(there, 'a')); // its owner wants the old one
    rmSync(join(there, 'made'));
    assert.equal((await undo(0, job.id)).undo?.state, 'done');
    assert.equal(readFileSync(join(there, 'a'), 'utf8'), 'old version of a');
  });

  test('a copy that was cancelled halfway, while the machine and the daemon were killed in between', async () => {
    const source = join(rig.hostFiles, 'half');
    const there = join(rig.guestFiles, 'half');
    layOut(source, 'new');
    layOut(there, 'old');
    writeFileSync(join(source, 'large'), '');
    truncateSync(join(source, 'large'), 64 * 1024 * 1024);
    const before = picture(there);
    const job = await rig.client.call(
      'startJob',
      {},
      {
        direction: 'in',
        vm: 'vm',
        sources: [`${source}/.`],
        destination: there,
        limitBytesPerSecond: 4 * 1024 * 1024,
      },
    );
    await until('something was replaced', 60_000, async () => {
      const { undo: held } = await rig.job(job.id);
      return held !== null && held.kept > 0 ? true : null;
    });
    await rig.agent.kill();
    await rig.client.call('cancelJob', { id: job.id });
    const detached = await rig.cli('jobs', 'undo', '--json', '--detach', job.id);
    assert.equal(detached.code, 0, detached.err);
    assert.equal((JSON.parse(detached.out) as JobView).undo?.state, 'running');
    await rig.daemon.kill();
    rig.startDaemon();
    await rig.daemon.ready;
    rig.startAgent();
    await rig.agent.ready;
    await until('the undo has ended', 60_000, async () =>
      (await rig.job(job.id)).undo?.state === 'running' ? null : true,
    );
    assert.equal((await rig.job(job.id)).undo?.state, 'done');
    assert.deepEqual(picture(there), before);
  });

  test('--undo off keeps nothing, --undo require replaces nothing that cannot be kept', async () => {
    const source = join(rig.hostFiles, 'plain');
    const there = join(rig.guestFiles, 'plain');
    mkdirSync(source);
    mkdirSync(there);
    writeFileSync(join(source, 'a'), 'new');
    writeFileSync(join(there, 'a'), 'older');
    const job = await cp(0, '--undo', 'off', `${source}/.`, `vm:${there}`);
    assert.equal(job.undo, null);
    assert.deepEqual(readdirSync(there), ['a']);
    const refused = await rig.cli('jobs', 'undo', job.id);
    assert.equal(refused.code, 4, refused.err);
    assert.match(refused.err, /CW_UNDO_NONE/);
    const usage = await rig.cli('cp', '--undo', 'perhaps', `${source}/.`, `vm:${there}`);
    assert.equal(usage.code, 2, usage.err);
  });
});

/** A tree of small files with modes and times, some with attributes, one large file, links. */
function layOut(folder: string, version: string): void {
  for (let at = 0; at < FILES; at += 1) {
    const parent = join(folder, `folder ${at % 10}`);
    if (at < 10) mkdirSync(parent, { recursive: true });
    const path = join(parent, `file ${at}`);
    writeFileSync(path, `${version} content of ${at}\n`.repeat((at % 7) + 1));
    chmodSync(path, version === 'old' ? [0o600, 0o444, 0o755][at % 3]! : 0o644);
    if (isRoot && at % 100 === 0) {
      run(parent, 'setfattr', '-n', 'user.version', '-v', version, `file ${at}`);
      chownSync(path, version === 'old' ? 5 : 6, at);
    }
    const seconds = (version === 'old' ? 1_600_000_000 : 1_650_000_000) + at + 0.123_456;
    utimesSync(path, seconds, seconds);
  }
  writeFileSync(join(folder, 'image'), Buffer.alloc(3_000_000, version));
  symlinkSync(version, join(folder, 'link'));
  linkSync(join(folder, 'folder 1', 'file 1'), join(folder, 'further name'));
  if (version === 'new') {
    mkdirSync(join(folder, 'only new', 'deep'), { recursive: true });
    writeFileSync(join(folder, 'only new', 'deep', 'file'), 'new');
  }
}

/** Everything below a folder: kind, content, mode, owner, times, attributes; and which files are one. */
function picture(folder: string): string[] {
  const inodes = new Map<bigint, number>();
  const lines = isRoot ? [metadataListing(folder)] : [];
  for (const path of readdirSync(folder, { recursive: true }) as string[]) {
    const stat = lstatSync(join(folder, path), { bigint: true });
    if (stat.isFile() && !inodes.has(stat.ino)) inodes.set(stat.ino, inodes.size);
    const one = stat.isFile() && stat.nlink > 1n ? inodes.get(stat.ino) : '';
    lines.push(`${path} ${stat.mode} ${stat.uid} ${stat.gid} ${stat.mtimeNs} ${one}`);
  }
  return [...lines, listing(folder)];
}
