import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { until } from '../interop/rig.ts';
import { BUILD_IN_SHELL, build, GIT_AS_ANYBODY, SOURCES, writeSource, wrongIn } from '../mount/built_tree.ts';
import { shellQuote } from './initramfs.ts';
import { type CopyLab, isFull } from './rig.ts';

const WORKED_AT = '/mnt/worked';
const ROUNDS = isFull ? 10 : 1;
const LIMIT_MS = 120_000;
const run = promisify(execFile);

/** A folder of the host, cached in the guest: git and the build take turns on the two sides. */
export function workedOnBothSides(lab: () => CopyLab): void {
  test('git in the guest and a build on the host, and the other way round, agree on one tree', async (t) => {
    const folder = join(lab().hostFiles, 'worked');
    mkdirSync(folder);
    const flags = ['--mount', `vm:${WORKED_AT}`, '--mount-cache', '64M', '--as-root'];
    const made = await lab().cli('share', 'create', folder, ...flags);
    assert.equal(made.code, 0, made.err);
    const there = (script: string) => lab().guest(`cd ${WORKED_AT} && ${script}`);
    const guestGit = (...args: readonly string[]) =>
      there(['git', ...GIT_AS_ANYBODY, ...args].map(shellQuote).join(' '));
    const hostGit = async (...args: readonly string[]) =>
      (await run('git', [...GIT_AS_ANYBODY, ...args], { cwd: folder })).stdout;
    const writeThere = (number: number, text: string) =>
      there(`printf %s ${shellQuote(text)} > src/${number % 4}/${number}.txt`);

    for (let number = 0; number < SOURCES; number += 1)
      await writeSource(folder, number, `source ${number} `.repeat(200));
    await there('printf "out\\n" > .gitignore');
    await guestGit('init', '-q', '-b', 'main');
    await guestGit('add', '-A');
    await guestGit('commit', '-q', '-m', 'first');
    await guestGit('checkout', '-q', '-b', 'side');
    for (let number = 0; number < SOURCES; number += 3) await writeThere(number, `side ${number}`);
    await guestGit('commit', '-q', '-a', '-m', 'side');

    for (let round = 0; round < ROUNDS; round += 1) {
      await guestGit('checkout', '-q', 'main');
      await writeThere(round % SOURCES, `guest ${round} `.repeat(100));
      await guestGit('commit', '-q', '-a', '-m', `guest ${round}`);
      await build(folder);
      assert.deepEqual(await wrongIn(folder), [], 'what the guest has closed is on the host');
      assert.equal(await hostGit('status', '--porcelain'), '');

      await hostGit('checkout', '-q', 'side');
      await writeSource(folder, round % SOURCES, `host ${round} `.repeat(100));
      await hostGit('commit', '-q', '-a', '-m', `host ${round}`);
      // nobody told the mount before: a notice of what was changed beside it may be on its way
      await until('the guest has built what the host has', LIMIT_MS, async () => {
        await there(BUILD_IN_SHELL);
        return (await wrongIn(folder)).length === 0 ? true : null;
      });
      assert.equal(await guestGit('status', '--porcelain'), '');
    }
    await guestGit('fsck', '--strict');
    t.diagnostic(`${ROUNDS} rounds`);
    const { code, err } = await lab().cli('share', 'rm', 'worked');
    assert.equal(code, 0, err);
  });
}
