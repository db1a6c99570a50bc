import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { Rig } from './rig.ts';
import { listing, mixedTree, randomFile } from './trees.ts';

const MIB = 1024 * 1024;

describe('cp --link-dest', () => {
  let rig: Rig;
  let tree: string;
  before(async () => {
    rig = await Rig.start();
    tree = join(rig.hostFiles, 'tree');
    mixedTree(tree, 30);
    randomFile(join(tree, 'image'), 6 * MIB);
    linkSync(join(tree, 'large.bin'), join(tree, 'again.bin'));
  });
  after(() => rig[Symbol.asyncDispose]());

  async function copy(...args: string[]): Promise<JobView> {
    const { code, out, err } = await rig.cli('cp', '--json', ...args);
    assert.equal(code, 0, err + out);
    return JSON.parse(out.trim().split('\n').at(-1)!) as JobView;
  }

  const there = (date: string) => join(rig.guestFiles, 'dated', date, 'tree');
  const inode = (date: string, path: string) => statSync(join(there(date), path)).ino;
  const backUp = (date: string, ...flags: string[]) =>
    copy('--undo', 'off', ...flags, tree, `vm:${rig.guestFiles}/dated/${date}/`);

  test('three dated copies: what is unchanged is one file, what changed is not, and the earlier ones stay as they are', async () => {
    mkdirSync(join(rig.guestFiles, 'dated'));
    const none = await backUp('1', '--link-dest', '../0');
    assert.match(none.note ?? '', /there is no folder \S+\/dated\/0 to link to/);
    assert.equal(listing(there('1')), listing(tree));
    const first = listing(there('1'));

    appendFileSync(join(tree, 'image'), 'a little more');
    chmodSync(join(tree, 'd1/e1/f1.bin'), 0o600);
    writeFileSync(join(tree, 'new'), 'new');
    unlinkSync(join(tree, 'd4/e4/f4.bin'));
    const second = await backUp('2', '--link-dest', '../1');
    assert.equal(listing(there('2')), listing(tree));
    assert.equal(listing(there('1')), first);
    assert.ok(second.sentBytes < MIB, `${second.sentBytes}`);
    assert.ok(second.reusedBytes >= 5 * MIB, `${second.reusedBytes}`);
    for (const path of ['large.bin', 'again.bin', 'read only', 'd3/e3/f3.bin', 'd0/e0/f0.bin'])
      assert.equal(inode('2', path), inode('1', path), path);
    for (const path of ['image', 'd1/e1/f1.bin']) assert.notEqual(inode('2', path), inode('1', path), path);
    const afterSecond = listing(there('2'));

    const { mtimeMs } = statSync(join(tree, 'd3/e3/f3.bin'));
    const bytes = readFileSync(join(tree, 'd3/e3/f3.bin'));
    bytes[0]! ^= 1;
    writeFileSync(join(tree, 'd3/e3/f3.bin'), bytes);
    utimesSync(join(tree, 'd3/e3/f3.bin'), mtimeMs / 1_000, mtimeMs / 1_000);
    await backUp('3', '--link-dest', join(rig.guestFiles, 'dated/2'), '--checksum');
    assert.equal(listing(there('3')), listing(tree));
    assert.deepEqual([listing(there('1')), listing(there('2'))], [first, afterSecond]);
    assert.equal(inode('3', 'image'), inode('2', 'image'));
    assert.equal(inode('3', 'large.bin'), inode('1', 'large.bin'));
    assert.notEqual(inode('3', 'd3/e3/f3.bin'), inode('2', 'd3/e3/f3.bin'));
  });

  test('a copy that is repeated with other attributes does not change them in the earlier copy', async () => {
    const before = listing(there('2'));
    chmodSync(join(tree, 'image'), 0o640);
    await backUp('3', '--link-dest', '../2');
    assert.equal(lstatSync(join(there('3'), 'image')).mode & 0o777, 0o640);
    assert.equal(listing(there('3')), listing(tree));
    assert.equal(listing(there('2')), before);
  });

  test('undo takes the links away and leaves the earlier copy', async () => {
    const before = listing(there('3'));
    mkdirSync(join(rig.guestFiles, 'dated/4/tree'), { recursive: true });
    writeFileSync(join(there('4'), 'image'), 'stood here');
    const job = await copy('--link-dest', '../3', tree, `vm:${rig.guestFiles}/dated/4/`);
    assert.equal(inode('4', 'image'), inode('3', 'image'));
    assert.equal((await rig.cli('jobs', 'undo', job.id)).code, 0);
    assert.equal(readFileSync(join(there('4'), 'image'), 'utf8'), 'stood here');
    assert.throws(() => statSync(join(there('4'), 'large.bin')));
    assert.equal(listing(there('3')), before);
  });

  test('a folder on another file system, or one that the copy would change, is refused', async () => {
    for (const folder of ['/proc', '.', '..', 'below']) {
      mkdirSync(join(rig.guestFiles, 'dated/5/below'), { recursive: true });
      const { code, err } = await rig.cli('cp', '--link-dest', folder, tree, `vm:${rig.guestFiles}/dated/5`);
      assert.equal(code, 4, err);
      assert.match(err, /CW_COPY_LINK_DEST/);
    }
  });
});
