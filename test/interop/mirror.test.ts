import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { Rig } from './rig.ts';
import { listing, mixedTree } from './trees.ts';

describe('cp --delete', () => {
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
  const sides = (name: string) => {
    const [source, there] = [join(rig.hostFiles, name), join(rig.guestFiles, name)];
    for (const path of [source, there]) mkdirSync(path, { recursive: true });
    return { source, there };
  };
  /** Without the time of the folder itself, which holds `.causeway` for a while. */
  const shown = (path: string) => listing(path).replaceAll(/^(\|d.*|\.causeway.*|.*\.causeway\/.*)\n/gm, '');

  test('the destination is what rsync makes of it, and undo brings the rest back', async () => {
    const { source, there } = sides('mirror');
    mixedTree(source, 60);
    // rsync leaves a folder's time alone that is wrong by less than a second
    execFileSync('find', [source, '-type', 'd', '-exec', 'touch', '-d', '@1600000000.5', '{}', '+']);
    execFileSync('cp', ['-a', `${source}/.`, there]);
    layOutExtraneous(there);
    const oracle = join(rig.folder, 'oracle');
    execFileSync('cp', ['-a', there, oracle]);
    const before = shown(there);
    const job = await cp(0, '--delete', `${source}/.`, `vm:${there}`);
    execFileSync('rsync', ['-aH', '--delete', `${source}/`, oracle]);
    assert.equal(shown(there), shown(oracle));
    assert.equal(job.note, '5 entries that the source does not have deleted; they are kept for undo');
    assert.equal((await cp(0, '--delete', `${source}/.`, `vm:${there}`)).note, null);
    assert.equal((await rig.cli('jobs', 'undo', job.id)).code, 0);
    assert.equal(shown(there), before);
    assert.ok(!existsSync(join(there, '.causeway')));
  });

  test('out of the machine: only the folder of the copy is a mirror, not what stands beside it', async () => {
    const { source, there } = sides('beside');
    mkdirSync(join(there, 'tree'));
    writeFileSync(join(there, 'tree', 'kept'), 'new');
    mkdirSync(join(source, 'tree'));
    for (const path of ['tree/gone', 'tree/kept', 'bystander']) writeFileSync(join(source, path), 'old');
    await cp(0, '--delete', `vm:${join(there, 'tree')}`, source);
    assert.deepEqual(readdirSync(join(source, 'tree')), ['kept']);
    assert.ok(existsSync(join(source, 'bystander')));
  });

  test('without undo nothing is kept, and folders are deleted with all in them', async () => {
    const { source, there } = sides('for good');
    writeFileSync(join(source, 'kept'), '');
    layOutExtraneous(there);
    await cp(0, '--delete', '--undo', 'off', `${source}/.`, `vm:${there}`);
    assert.deepEqual(readdirSync(there), ['kept']);
  });

  test('nothing is deleted where the source is empty, or was not read in whole', async () => {
    const { source, there } = sides('doubt');
    writeFileSync(join(there, 'precious'), 'content');
    const empty = await cp(3, '--delete', `${source}/.`, `vm:${there}`);
    assert.deepEqual(
      empty.problems.map(({ code }) => code),
      ['CW_COPY_NOT_DELETED'],
    );
    writeFileSync(join(source, 'new'), '');
    writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff, 0xfe])]), '');
    const unread = await cp(3, '--delete', `${source}/.`, `vm:${there}`);
    assert.ok(unread.problems.some(({ code }) => code === 'CW_COPY_NOT_DELETED'));
    assert.deepEqual(readdirSync(there).toSorted(), ['.causeway', 'new', 'precious']);
  });

  test('what is not copied for its kind stays at the destination, and the rest goes', async () => {
    const { source, there } = sides('kinds');
    writeFileSync(join(source, 'file'), '');
    execFileSync('mkfifo', [join(source, 'pipe')]);
    for (const name of ['pipe', 'gone']) writeFileSync(join(there, name), 'there');
    await cp(3, '--delete', '--undo', 'off', `${source}/.`, `vm:${there}`);
    assert.deepEqual(readdirSync(there).toSorted(), ['file', 'pipe']);
  });

  test('a file system that is mounted below is left alone', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('only root may mount');
    const { source, there } = sides('mounts');
    writeFileSync(join(source, 'file'), '');
    const mountPoint = join(there, 'folder', 'mounted');
    mkdirSync(mountPoint, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', mountPoint]);
    t.after(() => execFileSync('umount', [mountPoint]));
    writeFileSync(join(mountPoint, 'precious'), '');
    for (const undo of ['auto', 'off']) {
      const job = await cp(3, '--delete', '--undo', undo, `${source}/.`, `vm:${there}`);
      assert.match(job.problems[0]!.message, /another file system is mounted/);
      assert.ok(existsSync(join(mountPoint, 'precious')));
    }
  });

  test('several sources, or a file, have no mirror', async () => {
    const { source, there } = sides('wrong');
    for (const name of ['a', 'b']) mkdirSync(join(source, name));
    writeFileSync(join(source, 'c'), '');
    for (const names of [['a', 'b'], ['c']]) {
      const { code, err } = await rig.cli(
        'cp',
        '--delete',
        ...names.map((name) => join(source, name)),
        `vm:${there}/`,
      );
      assert.equal(code, 2, err);
      assert.match(err, /--delete\) needs one folder/);
    }
    assert.deepEqual(readdirSync(there), []);
  });
});

/** Of all kinds, in folders that the source has and in others: five that go. */
function layOutExtraneous(there: string): void {
  writeFileSync(join(there, 'gone'), 'content');
  chmodSync(join(there, 'gone'), 0o400);
  symlinkSync('nowhere', join(there, 'gone link'));
  linkSync(join(there, 'gone'), join(there, 'gone too'));
  mkdirSync(join(there, 'gone folder', 'deep', 'deeper'), { recursive: true });
  writeFileSync(join(there, 'gone folder', 'deep', 'file'), 'x'.repeat(100_000));
  chmodSync(join(there, 'gone folder', 'deep'), 0o555);
  mkdirSync(join(there, 'd1'), { recursive: true });
  writeFileSync(join(there, 'd1', 'gone'), '');
}
