// Caches with a journal whose policy is `split`, or is set to another one while programs write: a real mount, a daemon and an agent
// in processes of their own, both killed on the way.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig, until as untilIn } from '../interop/rig.ts';
import { startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);
/** A deadline for busy machines: seconds are usual. */
const AGAIN_MS = 40_000;
const LARGE = 'l'.repeat(2_000_000);
const MIB = 1024 * 1024;
const SMALL = 's'.repeat(5_000);

/** A program that writes files as fast as it can, small and large ones, and knows which were closed. */
class Writer {
  readonly closed = new Map<string, string>();
  readonly #folder: string;
  #isOver = false;
  #count = 0;
  readonly #running: Promise<void>;

  constructor(folder: string) {
    this.#folder = folder;
    this.#running = this.#run();
  }

  /** Resolves once it has closed so many more. */
  async more(count: number): Promise<void> {
    const wanted = this.closed.size + count;
    await until(`${count} more files are written`, () => this.closed.size >= wanted);
  }

  /** Resolves once it has found that nothing can be written. */
  async refused(): Promise<void> {
    const before = this.#refusals;
    await until('a write is refused', () => this.#refusals > before);
  }

  /** It begins no other file: when the mount is gone there is a folder of this machine in its place. */
  stop(): void {
    this.#isOver = true;
  }

  async end(): Promise<void> {
    this.stop();
    await this.#running;
  }

  #refusals = 0;

  async #run(): Promise<void> {
    while (!this.#isOver) {
      this.#count += 1;
      const name = `file-${this.#count}`;
      const content = `${name} ${this.#count % 7 === 0 ? LARGE : SMALL}`;
      try {
        await files.writeFile(path.join(this.#folder, `${name}.part`), content);
        await files.rename(path.join(this.#folder, `${name}.part`), path.join(this.#folder, name));
        this.closed.set(name, content);
      } catch {
        this.#refusals += 1; // read-only at the moment, or the mount is dead
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
}

describe('a mount whose cache is set to other policies', { skip }, () => {
  it('has large files on the machine at once with split, and small ones later', async () => {
    await using far = await startFarMount({ cachePolicy: 'split', journal: { splitBytes: 1_000_000 } });
    const { rig, source, mountpoint } = far;
    const there = (name: string) => fs.statSync(path.join(source, name), { throwIfNoEntry: false })?.size;
    await files.writeFile(path.join(mountpoint, 'small'), SMALL);
    assert.equal(there('small'), undefined);
    await files.writeFile(path.join(mountpoint, 'large'), LARGE);
    assert.equal(there('large'), LARGE.length);
    const { writes } = JSON.parse((await rig.cli('--json', 'cache', 'status')).out);
    assert.deepEqual(
      [writes[0].writes.policy, writes[0].writes.writeback, writes[0].writes.journal.splitBytes],
      ['split', 'yes', 1_000_000],
    );
    assert.match((await rig.cli('cache', 'status')).out, /split +yes +no +no/);
    const wrong = await rig.cli('cache', 'set', mountpoint, '--watermarks', '10,20');
    assert.match(wrong.err, /CW_USAGE/);
    assert.equal(wrong.code, 2);
  });

  it('loses nothing that was closed, whatever it is set to while programs write, and when the daemon is killed', async () => {
    await using far = await startFarMount({ cachePolicy: 'write-back' });
    const { rig, source, mountpoint } = far;
    const writer = new Writer(mountpoint);
    try {
      for (const words of [
        ['split', '--split-size', '1M'],
        ['write-through'],
        ['write-back', '--sequential-cutoff', '1M'],
        ['around'],
        ['read-only'],
        ['split', '--flush-age', '1', '--flush-batch', '8', '--watermarks', '60,20'],
      ]) {
        const set = await rig.cli('cache', 'set', mountpoint, '--policy', ...words);
        assert.equal(set.code, 0, set.err);
        if (words[0] === 'read-only') await writer.refused();
        else await writer.more(10);
      }
      writer.stop(); // in the middle of a file
      await rig.daemon.kill();
    } finally {
      await writer.end();
    }
    await until('the dead mount is gone', () => !isMounted(mountpoint));
    rig.startDaemon();
    await rig.daemon.ready;
    await until('it is mounted again', () => isMounted(mountpoint));
    const { writes } = JSON.parse((await rig.cli('--json', 'cache', 'status')).out);
    assert.deepEqual([writes[0].writes.policy, writes[0].writes.journal.startPercent], ['split', 60]);
    assert.equal((await rig.cli('cache', 'wait', '--clean', '--timeout', '60', mountpoint)).code, 0);
    const { waiting } = JSON.parse((await rig.cli('--json', 'cache', 'status')).out);
    assert.deepEqual([waiting[0].waiting.conflicts, waiting[0].waiting.failures], [[], []]);
    assert.ok(writer.closed.size >= 50, `${writer.closed.size}`);
    for (const [name, content] of writer.closed)
      assert.ok(fs.readFileSync(path.join(source, name), 'utf8') === content, name);
  });
});

describe('a mount in which writes wait', { skip }, () => {
  it('has hard links, which show what is written by any of their names, and attributes of programs', async () => {
    await using far = await startFarMount({ cachePolicy: 'write-back' });
    const { rig, source, mountpoint } = far;
    const at = (name: string) => path.join(mountpoint, name);
    const exec = promisify(execFile);
    await files.writeFile(at('one'), 'one');
    await exec('setfattr', ['-n', 'user.colour', '-v', 'blue', at('one')]);
    await files.mkdir(at('folder'));
    await files.link(at('one'), at('folder/two'));
    const [first, second] = [await files.stat(at('one')), await files.stat(at('folder/two'))];
    assert.deepEqual([first.ino, first.nlink], [second.ino, 2]);
    await files.appendFile(at('folder/two'), ' and two');
    assert.equal(await files.readFile(at('one'), 'utf8'), 'one and two');
    await assert.rejects(files.link(at('one'), at('folder/two')), { code: 'EEXIST' });
    const { stdout } = await exec('getfattr', ['--absolute-names', '-d', at('folder/two')]);
    assert.match(stdout, /^user\.colour="blue"$/m);
    await exec('setfattr', ['-x', 'user.colour', at('one')]);
    await assert.rejects(exec('getfattr', ['-n', 'user.colour', at('one')]), /No such attribute/);
    await assert.rejects(exec('setfattr', ['-n', 'trusted.x', '-v', '1', at('one')]), /not supported/i);
    const open = await files.open(at('one'), 'r+');
    await files.rm(at('one'));
    await open.write('ONE');
    await open.close();
    assert.equal(await files.readFile(at('folder/two'), 'utf8'), 'ONE and two');
    assert.equal((await files.stat(at('folder/two'))).nlink, 1);
    assert.equal((await rig.cli('cache', 'wait', '--clean', '--timeout', '60', mountpoint)).code, 0);
    assert.deepEqual(fs.readdirSync(source, { recursive: true }).sort(), ['folder', 'folder/two']);
    assert.equal(fs.readFileSync(path.join(source, 'folder/two'), 'utf8'), 'ONE and two');
  });
});

describe('a mount with a cache of blocks', { skip }, () => {
  it('is set to other policies while files are open, and keeps no long files that are read in order after the cut-off', async () => {
    const cutoff = ['--sequential-cutoff', '1M'];
    await using far = await startFarMount({
      cachePolicy: 'around',
      cacheBytes: 64 * MIB,
      cacheMemoryBytes: 0,
    });
    const { rig, source, mountpoint } = far;
    const set = async (...words: string[]) => {
      const { code, err } = await rig.cli('cache', 'set', mountpoint, ...words);
      assert.equal(code, 0, err);
    };
    const status = async () => JSON.parse((await rig.cli('--json', 'cache', 'status')).out);
    for (const name of ['long', 'kept'])
      fs.writeFileSync(path.join(source, name), Buffer.alloc(8 * MIB, 'x'));
    const changedMs = fs.statSync(path.join(source, 'kept')).ctimeMs;
    const open = await files.open(path.join(mountpoint, 'written'), 'w');
    try {
      await open.write('around');
      assert.deepEqual((await status()).writes[0].writes, {
        ...{ policy: 'around', writeback: 'until-close', direct: true, noFlush: false, journal: null },
      });
      await set('--policy', 'read-only');
      await assert.rejects(open.write('no'), { code: 'EROFS' });
      await assert.rejects(files.mkdir(path.join(mountpoint, 'folder')), { code: 'EROFS' });
      await assert.rejects(files.open(path.join(mountpoint, 'written'), 'r+'), { code: 'EROFS' });
      assert.equal(await files.readFile(path.join(mountpoint, 'written'), 'utf8'), 'around');
      await set('--policy', 'write-through', ...cutoff);
      await open.write(' and through');
    } finally {
      await open.close();
    }
    assert.equal(fs.readFileSync(path.join(source, 'written'), 'utf8'), 'around and through');
    const refused = await rig.cli('cache', 'set', mountpoint, '--policy', 'split');
    assert.deepEqual([refused.code, /mount it anew/.test(refused.err)], [2, true]);
    await until('the last change is old enough', () => Date.now() - changedMs > 2_200);
    await files.readFile(path.join(mountpoint, 'long'));
    assert.ok((await status()).mounts[0].cache.residentBytes <= 6 * MIB);
    await set('--sequential-cutoff', '0');
    await files.readFile(path.join(mountpoint, 'kept'));
    await untilIn('it is kept', AGAIN_MS, async () =>
      (await status()).mounts[0].cache.residentBytes >= 8 * MIB ? true : null,
    );
  });
});

describe('a share that a machine shows, whose cache is set to other policies', { skip }, () => {
  it('loses nothing that was closed, when the agent is killed', async () => {
    await using rig = await Rig.start();
    await rig.waitUp();
    const [source, place] = [path.join(rig.hostFiles, 'data'), path.join(rig.guestFiles, 'place')];
    fs.mkdirSync(source);
    const args = ['--as-root', '--mount', `vm:${place}`, '--cache-policy', 'split'];
    assert.equal((await rig.cli('share', 'create', source, ...args)).code, 0);
    process.on('exit', () => undefined);
    const writer = new Writer(place);
    try {
      for (const words of [
        ['--split-size', '1M'],
        ['--policy', 'write-through'],
        ['--policy', 'write-back'],
      ]) {
        const set = await rig.cli('cache', 'set', 'data', ...words);
        assert.equal(set.code, 0, set.err);
        await writer.more(10);
      }
      writer.stop(); // in the middle of a file
      await rig.agent.kill();
      const set = await rig.cli('cache', 'set', 'data', '--policy', 'split'); // it is told so when it is back
      assert.equal(set.code, 0, set.err);
    } finally {
      await writer.end();
    }
    await untilIn('the dead mount is gone', AGAIN_MS, async () => (isMounted(place) ? null : true));
    rig.startAgent();
    await rig.agent.ready;
    await untilIn('it is mounted again', AGAIN_MS, async () => (isMounted(place) ? true : null));
    await files.writeFile(path.join(place, 'large'), LARGE);
    assert.equal(fs.statSync(path.join(source, 'large')).size, LARGE.length, 'it is split again');
    assert.equal((await rig.cli('cache', 'wait', '--clean', '--timeout', '60', 'data')).code, 0);
    for (const [name, content] of writer.closed)
      assert.ok(fs.readFileSync(path.join(source, name), 'utf8') === content, name);
    assert.equal((await rig.cli('share', 'rm', 'data')).code, 0);
    await untilIn('it is unmounted', AGAIN_MS, async () => (isMounted(place) ? null : true));
  });
});
