import assert from 'node:assert/strict';
import {
  appendFileSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { metadataListing, metadataTree, run } from './metadata_tree.ts';
import { Rig } from './rig.ts';
import { listing } from './trees.ts';

/** Only root may give files away and set attributes of the system. */
const isRoot = process.getuid?.() === 0;
const skip = isRoot || process.env['CAUSEWAY_REQUIRE'] === 'all' ? false : 'needs root';

describe('metadata', { skip }, () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.start();
  });
  after(() => rig[Symbol.asyncDispose]());

  const copy = async (expected: number, ...args: string[]): Promise<JobView> => {
    const { code, out, err } = await rig.cli('cp', '--json', ...args);
    assert.equal(code, expected, `${out.slice(-2_000)} ${err}`);
    return JSON.parse(out.trim().split('\n').at(-1)!) as JobView;
  };

  test('owners, attributes, access lists, capabilities and hard links go in and come back', async () => {
    const source = join(rig.hostFiles, 'meta');
    metadataTree(source);
    const first = await copy(0, source, `vm:${rig.guestFiles}/`);
    assert.deepEqual(first.problems, []);
    assert.equal(first.note, null);
    const there = join(rig.guestFiles, 'meta');
    assert.equal(metadataListing(there), metadataListing(source));
    assert.equal(listing(there), listing(source));
    assert.ok(first.plannedBytes < 3_000_000, 'a file with three names travels once');
    await copy(0, `vm:${there}`, join(rig.hostFiles, 'meta back'));
    assert.equal(metadataListing(join(rig.hostFiles, 'meta back')), metadataListing(source));
    assert.equal(listing(join(rig.hostFiles, 'meta back')), listing(source));
  });

  test('a second copy gives what has changed besides content, and sends nothing', async () => {
    const source = join(rig.hostFiles, 'meta');
    const there = join(rig.guestFiles, 'meta');
    chownSync(join(source, 'folder', 'small-0'), 7, 8);
    run(source, 'setfattr', '-n', 'user.comment', '-v', 'another', 'large');
    run(source, 'setfacl', '-m', 'u:1001:r', 'empty');
    const second = await copy(0, source, `vm:${rig.guestFiles}/`);
    assert.equal(second.sentBytes, 0);
    assert.equal(metadataListing(there), metadataListing(source));
    rmSync(join(source, 'folder', 'large again'));
    appendFileSync(join(source, 'large'), 'changed');
    rmSync(join(there, 'folder', 'large again'));
    await copy(0, source, `vm:${rig.guestFiles}/`);
    assert.equal(metadataListing(there), metadataListing(source));
    assert.equal(listing(there), listing(source));
  });

  test('--map gives other owners, --owner none leaves them and takes set-id bits away', async () => {
    const source = join(rig.hostFiles, 'owned');
    mkdirSync(source);
    for (const [name, user] of [
      ['a', 1000],
      ['b', 1001],
    ] as const) {
      writeFileSync(join(source, name), name, { mode: 0o755 });
      chownSync(join(source, name), user, 50);
    }
    run(source, 'chmod', '6755', 'a');
    await copy(
      0,
      '--map',
      'user:1000=5',
      '--map',
      'user:*=6',
      '--map',
      'group:50=7',
      source,
      `vm:${rig.guestFiles}/`,
    );
    const owner = (path: string) => {
      const { uid, gid, mode } = lstatSync(join(rig.guestFiles, path));
      return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
    };
    assert.deepEqual(
      [owner('owned/a'), owner('owned/b'), owner('owned')],
      ['5:7 6755', '6:7 755', '6:0 755'],
    );
    await copy(0, '--owner', 'none', source, `vm:${join(rig.guestFiles, 'mine')}`);
    assert.deepEqual([owner('mine/a'), owner('mine/b')], ['0:0 755', '0:0 755']);
    for (const bad of [
      ['--owner', 'all'],
      ['--map', 'user:root=0'],
      ['--map', 'user:1=4294967295'],
    ])
      assert.equal((await rig.cli('cp', ...bad, source, `vm:${rig.guestFiles}/`)).code, 2);
  });

  test('the access list of the folder that takes a copy does not get onto its entries', async () => {
    const source = join(rig.hostFiles, 'plain');
    mkdirSync(join(source, 'sub'), { recursive: true });
    for (const name of ['f', 'sub/g', 'sub/empty'])
      writeFileSync(join(source, name), name === 'sub/empty' ? '' : name);
    const into = join(rig.guestFiles, 'listed');
    mkdirSync(into);
    run(into, 'setfacl', '-m', 'd:u:1000:rwx', '.');
    await copy(0, source, `vm:${into}/`);
    assert.equal(metadataListing(join(into, 'plain')), metadataListing(source));
  });

  test('a special file is listed with its kind', async () => {
    const source = join(rig.hostFiles, 'special');
    mkdirSync(source);
    run(source, 'mkfifo', 'pipe');
    run(source, 'mknod', 'null', 'c', '1', '3');
    writeFileSync(join(source, 'file'), 'copied');
    const { problems } = await copy(3, source, `vm:${rig.guestFiles}/`);
    assert.deepEqual(
      problems.map(({ path, message }) => `${path}: ${message}`),
      [
        'special/null: a character device 1:3 is not copied',
        'special/pipe: a named pipe (fifo) is not copied',
      ],
    );
    assert.equal(readFileSync(join(rig.guestFiles, 'special', 'file'), 'utf8'), 'copied');
  });
});
