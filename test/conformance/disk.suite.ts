import assert from 'node:assert/strict';
import { equalBytes } from '../../src/base/bytes.ts';
import {
  type Case,
  name,
  namesIn,
  patterned,
  putFile,
  readAll,
  registerCases,
  rejectsWith,
  textOf,
  type WorldHarness,
  withFile,
  writeAll,
} from './harness.ts';

const ROOTS: readonly Case[] = [
  [
    'opens a folder by its path and knows what it is',
    async ({ dir }) => {
      const stat = await dir.self();
      assert.equal(stat.kind, 'directory');
      assert.notEqual(stat.inode, '');
    },
  ],
  [
    'names what is wrong with a root',
    async ({ world: { disk }, folder, dir }) => {
      await putFile(dir, 'file', 'x');
      await rejectsWith(disk.openRoot(`${folder}/missing`), 'CW_DISK_NOT_FOUND');
      await rejectsWith(disk.openRoot(`${folder}/missing/below`), 'CW_DISK_NOT_FOUND');
      await rejectsWith(disk.openRoot(`${folder}/file`), 'CW_DISK_NOT_DIRECTORY');
      await rejectsWith(disk.openRoot(`${folder}/file/below`), 'CW_DISK_NOT_DIRECTORY');
    },
  ],
  [
    'follows symlinks on the way to a root, as its own user gave it',
    async ({ world: { disk }, folder, dir }) => {
      await dir.makeDir(name('real'));
      await dir.makeSymlink(name('relative'), 'real');
      await dir.makeSymlink(name('absolute'), `${folder}/real`);
      for (const path of ['relative', 'absolute', 'real/../relative', './real/.']) {
        const opened = await disk.openRoot(`${folder}/${path}`);
        await putFile(opened, 'f', 'x');
        await opened.removeFile(name('f'));
        await opened.close();
      }
    },
  ],
  [
    'refuses a loop of symlinks',
    async ({ world: { disk }, folder, dir }) => {
      await dir.makeSymlink(name('a'), 'b');
      await dir.makeSymlink(name('b'), 'a');
      await rejectsWith(disk.openRoot(`${folder}/a`), 'CW_DISK_SYMLINK');
    },
  ],
  [
    'gives the stat of a path, through symlinks, or null',
    async ({ world: { disk }, folder, dir }) => {
      await putFile(dir, 'file', 'four');
      await dir.makeSymlink(name('link'), 'file');
      await dir.makeSymlink(name('dangling'), 'nowhere');
      assert.equal((await disk.statPath(`${folder}/file`))?.sizeBytes, 4);
      assert.equal((await disk.statPath(`${folder}/link`))?.kind, 'file');
      assert.equal(await disk.statPath(`${folder}/missing`), null);
      assert.equal(await disk.statPath(`${folder}/missing/below`), null);
      assert.equal(await disk.statPath(`${folder}/dangling`), null);
    },
  ],
  [
    'tells its space',
    async ({ dir }) => {
      const space = await dir.space();
      assert.ok(space.totalBytes > 0 && space.freeBytes > 0 && space.freeBytes <= space.totalBytes);
      assert.notEqual(space.fileSystem, '');
      assert.equal(space.readOnly, false);
    },
  ],
  [
    'clones a handle that is closed separately',
    async ({ dir }) => {
      const clone = await dir.clone();
      await putFile(clone, 'f', 'x');
      await clone.close();
      await clone.close();
      assert.deepEqual(await namesIn(dir), ['f']);
      assert.equal((await dir.self()).kind, 'directory');
    },
  ],
];

const OPENING: readonly Case[] = [
  [
    'creates a file only where nothing is',
    async ({ dir }) => {
      await putFile(dir, 'f', 'first');
      await dir.makeDir(name('d'));
      await dir.makeSymlink(name('dangling'), 'nowhere');
      for (const taken of ['f', 'd', 'dangling'])
        await rejectsWith(dir.openFile(name(taken), 'create'), 'CW_DISK_EXISTS');
      assert.equal(await textOf(dir, 'f'), 'first');
      assert.deepEqual(await namesIn(dir), ['d', 'dangling', 'f']);
    },
  ],
  [
    'lets one of two creators win',
    async ({ dir }) => {
      const attempts = await Promise.allSettled([1, 2, 3, 4].map(() => dir.openFile(name('f'), 'create')));
      const won = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
      assert.equal(won.length, 1);
      await won[0]?.close();
    },
  ],
  [
    'opens only what is there for reading and for writing',
    async ({ dir }) => {
      await rejectsWith(dir.openFile(name('f'), 'read'), 'CW_DISK_NOT_FOUND');
      await rejectsWith(dir.openFile(name('f'), 'write'), 'CW_DISK_NOT_FOUND');
      assert.deepEqual(await namesIn(dir), []);
    },
  ],
  [
    'opens an existing file for writing with its content',
    async ({ dir }) => {
      await putFile(dir, 'f', 'abcdef');
      await withFile(dir, 'f', 'write', async (file) => {
        await writeAll(file, Buffer.from('XY'), 2);
        assert.equal(Buffer.from(await readAll(file)).toString(), 'abXYef');
      });
      assert.equal(await textOf(dir, 'f'), 'abXYef');
    },
  ],
  [
    'creates a file for appending where it is missing, and keeps it where it is not',
    async ({ dir }) => {
      await withFile(dir, 'f', 'append', (file) => writeAll(file, Buffer.from('one'), 0));
      await withFile(dir, 'f', 'append', (file) => writeAll(file, Buffer.from('two'), 3));
      assert.equal(await textOf(dir, 'f'), 'onetwo');
    },
  ],
  [
    'follows no symlink in any mode',
    async ({ dir }) => {
      await putFile(dir, 'secret', 'hidden');
      await dir.makeSymlink(name('link'), 'secret');
      await dir.makeSymlink(name('dangling'), 'nowhere');
      for (const mode of ['read', 'write', 'append'] as const) {
        await rejectsWith(dir.openFile(name('link'), mode), 'CW_DISK_SYMLINK');
        await rejectsWith(dir.openFile(name('dangling'), mode), 'CW_DISK_SYMLINK');
      }
      assert.equal(await textOf(dir, 'secret'), 'hidden');
      assert.deepEqual(await namesIn(dir), ['dangling', 'link', 'secret']);
    },
  ],
  [
    'opens no folder as a file',
    async ({ dir }) => {
      await dir.makeDir(name('d'));
      for (const mode of ['read', 'write', 'append'] as const) {
        await rejectsWith(dir.openFile(name('d'), mode), 'CW_DISK_IS_DIRECTORY');
      }
    },
  ],
  [
    'opens folders below, and nothing else as one',
    async ({ dir }) => {
      await dir.makeDir(name('d'));
      await putFile(dir, 'f', 'x');
      await dir.makeSymlink(name('link'), 'd');
      const below = await dir.openDir(name('d'));
      await putFile(below, 'inside', 'y');
      await below.close();
      await rejectsWith(dir.openDir(name('link')), 'CW_DISK_SYMLINK', 'CW_DISK_NOT_DIRECTORY');
      await rejectsWith(dir.openDir(name('f')), 'CW_DISK_NOT_DIRECTORY');
      await rejectsWith(dir.openDir(name('missing')), 'CW_DISK_NOT_FOUND');
    },
  ],
  [
    'stays in the folder it opened when the name is swapped for a symlink',
    async ({ dir }) => {
      await dir.makeDir(name('inside'));
      await dir.makeDir(name('outside'));
      const opened = await dir.openDir(name('inside'));
      await dir.rename(name('inside'), dir, name('moved'));
      await dir.makeSymlink(name('inside'), 'outside');
      await putFile(opened, 'f', 'x');
      await opened.close();
      const moved = await dir.openDir(name('moved'));
      const outside = await dir.openDir(name('outside'));
      assert.deepEqual(await namesIn(moved), ['f']);
      assert.deepEqual(await namesIn(outside), []);
      await moved.close();
      await outside.close();
    },
  ],
  [
    'gives a new file the permission asked for',
    async ({ dir }) => {
      await (await dir.openFile(name('f'), 'create', 0o600)).close();
      await dir.makeDir(name('d'), 0o700);
      assert.equal((await dir.stat(name('f'))).mode, 0o600);
      assert.equal((await dir.stat(name('d'))).mode, 0o700);
    },
  ],
  [
    'writes to a file that it created read-only',
    async ({ dir }) => {
      const file = await dir.openFile(name('f'), 'create', 0o400);
      await writeAll(file, Buffer.from('x'));
      await file.close();
      assert.equal(await textOf(dir, 'f'), 'x');
    },
  ],
];

const CONTENT: readonly Case[] = [
  [
    'reads back what was written, in whole and in part',
    async ({ dir }) => {
      const bytes = patterned(300_001);
      await withFile(dir, 'f', 'create', async (file) => {
        await writeAll(file, bytes);
        assert.ok(equalBytes(await readAll(file), bytes));
        const part = new Uint8Array(5000);
        let done = 0;
        while (done < part.byteLength) done += await file.read(part.subarray(done), 123_456 + done);
        assert.ok(equalBytes(part, bytes.subarray(123_456, 128_456)));
      });
    },
  ],
  [
    'gives 0 at and after the end of a file',
    async ({ dir }) => {
      await putFile(dir, 'f', 'abc');
      await withFile(dir, 'f', 'read', async (file) => {
        assert.equal(await file.read(new Uint8Array(10), 3), 0);
        assert.equal(await file.read(new Uint8Array(10), 1_000_000), 0);
        assert.equal(await file.read(new Uint8Array(0), 0), 0);
      });
    },
  ],
  [
    'fills a hole with zeros',
    async ({ dir }) => {
      await withFile(dir, 'f', 'create', async (file) => {
        await writeAll(file, Buffer.from('end'), 20_000);
        const bytes = await readAll(file);
        assert.equal(bytes.byteLength, 20_003);
        assert.ok(bytes.subarray(0, 20_000).every((byte) => byte === 0));
      });
    },
  ],
  [
    'truncates: shorter loses the rest, longer adds zeros, not the old bytes',
    async ({ dir }) => {
      await withFile(dir, 'f', 'create', async (file) => {
        await writeAll(file, patterned(10_000).fill(7));
        await file.truncate(4_500);
        assert.equal((await file.stat()).sizeBytes, 4_500);
        await file.truncate(9_000);
        const bytes = await readAll(file);
        assert.equal(bytes.byteLength, 9_000);
        assert.ok(bytes.subarray(0, 4_500).every((byte) => byte === 7));
        assert.ok(bytes.subarray(4_500).every((byte) => byte === 0));
        await file.truncate(0);
        assert.equal((await readAll(file)).byteLength, 0);
      });
    },
  ],
  [
    'writes nothing for no bytes',
    async ({ dir }) => {
      await withFile(dir, 'f', 'create', async (file) => {
        assert.equal(await file.write(new Uint8Array(0), 100), 0);
        assert.equal((await file.stat()).sizeBytes, 0);
      });
    },
  ],
  [
    'shows one file to several handles',
    async ({ dir }) => {
      await withFile(dir, 'f', 'create', async (writer) => {
        const reader = await dir.openFile(name('f'), 'read');
        await writeAll(writer, Buffer.from('seen'));
        assert.equal(Buffer.from(await readAll(reader)).toString(), 'seen');
        await reader.close();
      });
    },
  ],
  [
    'keeps a file for those who have it open after its name is gone',
    async ({ dir }) => {
      await putFile(dir, 'f', 'still there');
      await withFile(dir, 'f', 'read', async (file) => {
        await dir.removeFile(name('f'));
        assert.deepEqual(await namesIn(dir), []);
        assert.equal(Buffer.from(await readAll(file)).toString(), 'still there');
        assert.equal((await file.stat()).linkCount, 0);
      });
    },
  ],
  [
    'flushes files and folders, and says whether it can flush all at once',
    async ({ dir }) => {
      await withFile(dir, 'f', 'create', async (file) => {
        await writeAll(file, patterned(70_000));
        await file.datasync();
      });
      await withFile(dir, 'f', 'read', (file) => file.datasync());
      await dir.sync();
      assert.equal(typeof (await dir.syncFileSystem()), 'boolean');
    },
  ],
  [
    'closes a file more than once',
    async ({ dir }) => {
      const file = await dir.openFile(name('f'), 'create');
      await file.close();
      await file.close();
      await file[Symbol.asyncDispose]();
    },
  ],
  [
    'rejects what is asked of a closed handle',
    async ({ dir }) => {
      const file = await dir.openFile(name('f'), 'create');
      await file.close();
      await assert.rejects(file.read(new Uint8Array(1), 0));
      await assert.rejects(file.write(Buffer.from('x'), 0));
      await assert.rejects(file.stat());
      const clone = await dir.clone();
      await clone.close();
      await assert.rejects(clone.stat(name('f')));
      await assert.rejects(clone.openFile(name('g'), 'create'));
      assert.deepEqual(await namesIn(dir), ['f']);
    },
  ],
];

/** Every method of `Disk` and `DiskFile`, and opening. */
export function diskSuite(harness: WorldHarness): void {
  registerCases(harness, 'disk, roots', ROOTS);
  registerCases(harness, 'disk, opening', OPENING);
  registerCases(harness, 'disk, content', CONTENT);
}
