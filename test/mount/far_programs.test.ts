// Programs that ask much of a file system, on a folder of a machine that is mounted over the link, over TLS.
// PROGRAMS=n does n times as much.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type FarRig, startFarMount } from './far_rig.ts';
import { skip } from './rig.ts';

const run = promisify(execFile);
const SCALE = Number(process.env['PROGRAMS'] ?? 1);
const GIT = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };

const git = (cwd: string, ...args: string[]) =>
  run('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd, env: GIT });

async function cloneAndCheck({ mountpoint, source }: FarRig): Promise<void> {
  const from = path.join(mountpoint, 'from');
  fs.mkdirSync(from);
  await git(from, 'init', '-q', '-b', 'main');
  for (let commit = 0; commit < 2 * SCALE; commit += 1) {
    for (let file = 0; file < 20 * SCALE; file += 1)
      fs.writeFileSync(path.join(from, `file-${file}`), `${commit} ${file}\n`.repeat(100));
    await git(from, 'add', '-A');
    await git(from, 'commit', '-q', '-m', `commit ${commit}`);
  }
  await git(mountpoint, 'clone', '-q', '--no-hardlinks', from, 'to');
  const to = path.join(mountpoint, 'to');
  await git(to, 'fsck', '--full', '--strict');
  assert.equal((await git(to, 'status', '--short')).stdout, '');
  await git(path.join(source, 'to'), 'fsck', '--full', '--strict'); // where the files are
}

async function twoWriters({ mountpoint, source }: FarRig): Promise<void> {
  const file = path.join(mountpoint, 'data.db');
  const sqlite = (sql: string, at = file) => run('sqlite3', ['-cmd', '.timeout 20000', at, sql]);
  await sqlite('pragma journal_mode=wal; create table t(writer, n);');
  const writer = async (name: string) => {
    for (let n = 0; n < 3 * SCALE; n += 1)
      await sqlite(
        `begin immediate; insert into t select '${name}', value from generate_series(1,200); commit;`,
      );
  };
  await Promise.all([writer('a'), writer('b')]);
  const { stdout } = await sqlite('select count(*) from t; pragma integrity_check;');
  assert.equal(stdout, `${2 * 3 * SCALE * 200}\nok\n`);
  const below = await sqlite('pragma integrity_check;', path.join(source, 'data.db'));
  assert.equal(below.stdout, 'ok\n');
}

describe('programs on a folder of a machine that is mounted over the link', { skip }, () => {
  it('git makes, clones and checks a repository; two writers share a SQLite database with a write-ahead log', async () => {
    await using far = await startFarMount();
    await cloneAndCheck(far);
    await twoWriters(far);
  });
});
