// Two machines show one folder of the host: in one somebody works with git, in the other a build runs that goes by times of files, as
// make does. What is built must be what was checked out, and git must find nothing wrong. LAB_FULL=1 makes more rounds.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { Rig, until } from '../interop/rig.ts';
import { build, GIT_AS_ANYBODY, SOURCES, writeSource, wrongIn } from './built_tree.ts';
import { skip } from './rig.ts';

const ROUNDS = process.env['LAB_FULL'] === '1' ? 40 : 2;
const DEADLINE_MS = 60_000;
const run = promisify(execFile);

it('git in one machine and a build in another agree on one tree', { skip }, async (test) => {
  await using rig = await Rig.start();
  await rig.waitUp();
  const other = await rig.addMachine('other');
  const folder = path.join(rig.hostFiles, 'work');
  fs.mkdirSync(folder);
  const [working, building] = [path.join(rig.guestFiles, 'one'), path.join(other.files, 'two')];
  const git = async (...args: readonly string[]) =>
    (await run('git', [...GIT_AS_ANYBODY, ...args], { cwd: working })).stdout;
  try {
    for (const [name, place] of [
      ['one', `vm:${working}`],
      ['two', `other:${building}`],
    ] as const) {
      const flags = ['--mount', place, '--mount-cache', '64M', '--as-root', '--name', name];
      const made = await rig.cli('share', 'create', folder, ...flags);
      assert.equal(made.code, 0, made.err);
    }
    const write = (number: number, text: string) => writeSource(working, number, text);
    for (let number = 0; number < SOURCES; number += 1) await write(number, `source ${number} `.repeat(200));
    await files.writeFile(path.join(working, '.gitignore'), 'out\n');
    await git('init', '-q', '-b', 'main');
    await git('add', '-A');
    await git('commit', '-q', '-m', 'first');
    await git('checkout', '-q', '-b', 'side');
    for (let number = 0; number < SOURCES; number += 3) await write(number, `side ${number} `.repeat(150));
    await git('commit', '-q', '-a', '-m', 'side');
    let count = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      await git('checkout', '-q', round % 2 === 0 ? 'main' : 'side');
      await write(round % SOURCES, `round ${round} `.repeat(100));
      await git('commit', '-q', '-a', '-m', `round ${round}`);
      const built = await until('all is built', DEADLINE_MS, async () => {
        const made = await build(building); // times of files may be some milliseconds old
        return (await wrongIn(working)).length === 0 ? made + 1 : null;
      });
      count += built - 1;
      assert.deepEqual(await wrongIn(building), []);
      assert.deepEqual(await wrongIn(folder), []);
      assert.equal(await git('status', '--porcelain'), '');
    }
    await git('fsck', '--strict');
    const here = await run('git', [...GIT_AS_ANYBODY, 'status', '--porcelain'], { cwd: folder });
    assert.equal(here.stdout, '', 'the host sees the same tree');
    test.diagnostic(`${ROUNDS} rounds, ${count} files built in the last build of each`);
  } finally {
    for (const name of ['one', 'two']) await rig.cli('share', 'rm', name);
  }
});
