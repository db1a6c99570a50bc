import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type MountRig, skip, startMount } from './rig.ts';

const run = promisify(execFile);
const GIT = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };

/** A repository with some history. */
async function makeRepository(at: string): Promise<void> {
  const git = (...args: string[]) =>
    run('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: at, env: GIT });
  fs.mkdirSync(at);
  await git('init', '-q', '-b', 'main');
  for (let commit = 0; commit < 5; commit += 1) {
    for (let file = 0; file < 40; file += 1)
      fs.writeFileSync(path.join(at, `file-${file}`), `${commit} ${file}\n`.repeat(100 * commit));
    await git('add', '-A');
    await git('commit', '-q', '-m', `commit ${commit}`);
  }
}

/** Runs a program, whose lines are read one by one. */
function lines(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  let held = '';
  child.stdout.setEncoding('utf8');
  return {
    line: async (): Promise<string> => {
      while (!held.includes('\n')) held += String((await once(child.stdout, 'data'))[0]);
      const cut = held.indexOf('\n');
      const line = held.slice(0, cut);
      held = held.slice(cut + 1);
      return line;
    },
    end: async () => {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

for (const passthrough of [false, true]) {
  const how = passthrough ? 'with bytes moved by the kernel' : 'with bytes moved by the program';
  describe(`programs on a mounted folder, ${how}`, { skip }, () => {
    const withMount = async (body: (rig: MountRig) => Promise<void>) => {
      await using rig = await startMount({ passthrough });
      await body(rig);
    };

    it('git makes, clones and checks a repository', () =>
      withMount(async ({ mountpoint }) => {
        const from = path.join(mountpoint, 'from');
        const to = path.join(mountpoint, 'to');
        await makeRepository(from);
        await run('git', ['clone', '-q', '--no-hardlinks', from, to], { env: GIT });
        await run('git', ['fsck', '--full', '--strict'], { cwd: to, env: GIT });
        const { stdout } = await run('git', ['status', '--short'], { cwd: to, env: GIT });
        assert.equal(stdout, '');
      }));

    it('two writers share a SQLite database with a write-ahead log, which is whole in the end', () =>
      withMount(async ({ mountpoint, source }) => {
        const file = path.join(mountpoint, 'data.db');
        const sqlite = (sql: string, at = file) => run('sqlite3', ['-cmd', '.timeout 20000', at, sql]);
        await sqlite('pragma journal_mode=wal; create table t(writer, n);');
        const writer = async (name: string) => {
          for (let n = 0; n < 10; n += 1)
            await sqlite(
              `begin immediate; insert into t select '${name}', value from generate_series(1,200); commit;`,
            );
        };
        await Promise.all([writer('a'), writer('b')]);
        const { stdout } = await sqlite('select count(*) from t; pragma integrity_check;');
        assert.equal(stdout, '4000\nok\n');
        const below = await sqlite('pragma integrity_check;', path.join(source, 'data.db'));
        assert.equal(below.stdout, 'ok\n');
      }));

    it('a lock of one process keeps another one out, which gets it in the end', () =>
      withMount(async ({ mountpoint }) => {
        const file = path.join(mountpoint, 'lock');
        fs.writeFileSync(file, '');
        const holder = lines('flock', [file, '-c', 'echo held; read line']);
        assert.equal(await holder.line(), 'held');
        await assert.rejects(run('flock', ['-n', file, 'true']), { code: 1 });
        const waiter = lines('flock', [file, '-c', 'echo mine']);
        await holder.end();
        assert.equal(await waiter.line(), 'mine');
        await waiter.end();
        await run('flock', ['-n', file, 'true']);
      }));

    it('who waits for a lock can be interrupted', () =>
      withMount(async ({ mountpoint }) => {
        const file = path.join(mountpoint, 'lock');
        fs.writeFileSync(file, '');
        const holder = lines('flock', [file, '-c', 'echo held; read line']);
        assert.equal(await holder.line(), 'held');
        const waiting = await run('timeout', ['-s', 'INT', '0.3', 'flock', file, 'true']).catch(
          (thrown) => thrown,
        );
        assert.equal(waiting.code, 124);
        await holder.end();
      }));
  });
}
