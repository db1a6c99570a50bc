import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { Rig } from './rig.ts';
import { unfinishedIn } from './trees.ts';

/** A file system with the names of Windows needs root and the ntfs-3g package. */
const hasTools =
  process.getuid?.() === 0 &&
  existsSync('/dev/fuse') &&
  spawnSync('sh', ['-c', 'command -v lowntfs-3g mkntfs']).status === 0;
const skip =
  hasTools || process.env['CAUSEWAY_REQUIRE'] === 'all' ? false : 'needs root, /dev/fuse and ntfs-3g';

const NAMES = ['README', 'readme', 'a:b', 'con', 'fits', 'end.', 'Grüße', 'GRÜSSE'];
const CLASHING = ['a:b', 'con', 'end.', 'readme'];

describe('names that the destination cannot hold', { skip }, () => {
  let rig: Rig;
  let there: string;
  let source: string;
  before(async () => {
    rig = await Rig.start();
    there = join(rig.guestFiles, 'windows');
    mkdirSync(there);
    const image = join(rig.folder, 'ntfs');
    writeFileSync(image, '');
    truncateSync(image, 32 << 20);
    execFileSync('mkntfs', ['-F', '-q', image], { stdio: 'ignore' });
    execFileSync('lowntfs-3g', ['-o', 'ignore_case,windows_names', image, there]);
    source = join(rig.hostFiles, 'names');
    mkdirSync(join(source, 'in a?'), { recursive: true });
    for (const name of [...NAMES, 'in a?/file']) {
      writeFileSync(join(source, name), `content of ${name}`);
      utimesSync(join(source, name), 1_700_000_000, 1_700_000_000); // NTFS counts in 100 ns
    }
  });
  after(async () => {
    if (there) spawnSync('umount', [there]);
    await rig?.[Symbol.asyncDispose]();
  });

  async function copy(expected: number, ...args: string[]): Promise<JobView> {
    const { code, out, err } = await rig.cli('cp', '--json', '--owner', 'none', ...args);
    assert.equal(code, expected, `${out.slice(-2_000)} ${err}`);
    return JSON.parse(out.trim().split('\n').at(-1)!) as JobView;
  }

  test('the copy is refused with all of them, and nothing is there', async () => {
    const job = await copy(4, source, `vm:${there}/`);
    assert.equal(job.error?.code, 'CW_COPY_CLASH');
    assert.deepEqual(
      job.problems.map(({ path }) => path).sort(),
      [...CLASHING, 'in a?'].map((name) => `names/${name}`).sort(),
    );
    assert.deepEqual(readdirSync(there), []);
    const told = await rig.cli('cp', source, `vm:${there}/`);
    assert.match(told.err + told.out, /readme: the name is the same name as "README"/);
    assert.equal((await rig.cli('cp', '--on-clash', 'no', source, `vm:${there}/`)).code, 2);
  });

  test('--on-clash skip copies the others and lists these', async () => {
    const job = await copy(3, '--on-clash', 'skip', source, `vm:${there}/`);
    assert.equal(job.problems.length, CLASHING.length + 1);
    const fitting = NAMES.filter((name) => !CLASHING.includes(name));
    // this file system lists small letters, whatever a name was made of
    const listed = readdirSync(join(there, 'names')).sort();
    assert.deepEqual(listed, fitting.map((name) => name.toLowerCase()).sort());
    for (const name of fitting)
      assert.equal(readFileSync(join(there, 'names', name), 'utf8'), `content of ${name}`);
    assert.deepEqual(readdirSync(there).sort(), ['.causeway', 'names']);
    assert.deepEqual(unfinishedIn(there), []);
  });

  test('--on-clash rename copies all under names that fit, and again to the same', async () => {
    const into = join(there, 'renamed');
    mkdirSync(into);
    for (let round = 0; round < 2; round += 1) {
      const job = await copy(0, '--on-clash', 'rename', `${source}/.`, `vm:${into}/`);
      assert.match(job.note ?? '', /5 entries have another name at the destination/);
      if (round === 1) assert.equal(job.sentBytes, 0);
      assert.deepEqual(unfinishedIn(into), []);
      const names = readdirSync(into).filter((name) => name !== '.causeway');
      assert.equal(names.length, NAMES.length + 1);
      const contents = names.map((name) =>
        name.startsWith('in a')
          ? readFileSync(join(into, name, 'file'), 'utf8')
          : readFileSync(join(into, name), 'utf8'),
      );
      assert.deepEqual(contents.sort(), [...NAMES, 'in a?/file'].map((name) => `content of ${name}`).sort());
    }
  });
});
