import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { type Name, parseName } from '../../base/path.ts';
import type { Dir, DirEntry } from '../disk.ts';
import { createNodeDisk, type NodeDiskOptions } from './disk.ts';
import { loadSyscalls } from './syscalls.ts';

const name = (text: string): Name => parseName(text);
const FILE = name('file');
const NOW_NS = 1_700_000_000_123_456_789n;

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-disk-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

async function list(dir: Dir): Promise<DirEntry[]> {
  const entries: DirEntry[] = [];
  for await (const entry of dir.list()) entries.push(entry);
  return entries.sort((a, b) => (a.rawName < b.rawName ? -1 : 1));
}

const openDescriptors = () => fs.readdirSync('/proc/self/fd').length;

const variants: [string, NodeDiskOptions][] = [
  ['async', { mode: 'async' }],
  ['blocking', { mode: 'blocking' }],
  ['without system calls', { syscalls: null }],
  ['without /proc', { anchor: 'path' }],
  ['blocking, with neither', { mode: 'blocking', syscalls: null, anchor: 'path' }],
];

for (const [label, options] of variants) {
  describe(`disk, ${label}`, () => {
    const disk = createNodeDisk(options);
    const fresh = () => disk.openRoot(fs.mkdtempSync(path.join(scratch, 'd-')));
    const toleranceNs = options.syscalls === null ? 2_000n : 0n;
    const near = (a: bigint, b: bigint) => {
      const gap = a > b ? a - b : b - a;
      assert.ok(gap <= toleranceNs, `${a} and ${b} differ by ${gap} ns`);
    };

    test('a file is created, written, read, resized and found again', async () => {
      await using dir = await fresh();
      await using file = await dir.openFile(FILE, 'create', 0o640);
      assert.equal(await file.write(Buffer.from('hello world'), 0), 11);
      await file.truncate(7);
      await file.datasync();
      const into = new Uint8Array(20);
      assert.equal(await file.read(into, 2), 5);
      assert.equal(Buffer.from(into.subarray(0, 5)).toString(), 'llo w');
      assert.equal(await file.read(into, 7), 0);
      const stat = await dir.stat(FILE);
      assert.deepEqual({ kind: stat.kind, size: stat.sizeBytes }, { kind: 'file', size: 7 });
      assert.equal(stat.inode, (await file.stat()).inode);
      await assert.rejects(dir.openFile(FILE, 'create'), { code: 'CW_DISK_EXISTS' });
      await assert.rejects(dir.openFile(name('none'), 'write'), { code: 'CW_DISK_NOT_FOUND' });
      await using appended = await dir.openFile(name('new'), 'append');
      assert.equal(await appended.write(Buffer.from('x'), 3), 1);
      assert.equal((await appended.stat()).sizeBytes, 4);
    });

    test('times keep their nanoseconds and modes their bits, also of symlinks and before 1970', async () => {
      await using dir = await fresh();
      await using file = await dir.openFile(FILE, 'create');
      await file.setAttrs({ mode: 0o2751, mtimeNs: NOW_NS });
      near((await file.stat()).mtimeNs, NOW_NS);
      assert.equal((await file.stat()).mode, 0o2751);
      const atimeNs = fs.statSync(path.join(scratch), { bigint: true }).atimeNs;
      assert.ok(atimeNs > 0n);
      for (const mtimeNs of [NOW_NS + 1n, 1n, -1_500_000_001n, 4_102_444_800_000_000_001n]) {
        await dir.setAttrs(FILE, { mode: 0o600, mtimeNs });
        near((await dir.stat(FILE)).mtimeNs, mtimeNs);
      }
      const link = name('link');
      await dir.makeSymlink(link, 'file');
      await dir.setAttrs(link, { mode: 0o777, mtimeNs: 5_000_000_007n });
      near((await dir.stat(link)).mtimeNs, 5_000_000_007n);
      assert.equal((await dir.stat(FILE)).mode, 0o600, 'the target keeps its mode');
      assert.equal(await dir.readLink(link), 'file');
      await dir.makeDir(name('sub'));
      await dir.setAttrs(name('sub'), { mode: 0o500 });
      assert.equal((await dir.stat(name('sub'))).mode, 0o500);
    });

    test('entries are listed with their kind; a name that is not UTF-8 is escaped', async () => {
      await using dir = await fresh();
      const root = fs.readlinkSync(`/proc/self/fd/${openedBy(dir)}`);
      await dir.makeDir(name('sub'));
      await dir.makeSymlink(name('link'), '/nowhere');
      await (await dir.openFile(name('größe'), 'create')).close();
      fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff, 0x5c])]), '');
      const expected = [
        { name: null, rawName: 'bad\\xff\\x5c', kind: 'file' },
        { name: 'größe', rawName: 'größe', kind: 'file' },
        { name: 'link', rawName: 'link', kind: 'symlink' },
        { name: 'sub', rawName: 'sub', kind: 'directory' },
      ];
      assert.deepEqual(await list(dir), expected);
    });

    test('a listing of many entries is complete and can be left early', async () => {
      await using dir = await fresh();
      for (let i = 0; i < 700; i++) await (await dir.openFile(name(`f${i}`), 'create')).close();
      assert.equal((await list(dir)).length, 700);
      const before = openDescriptors();
      for await (const entry of dir.list()) {
        assert.equal(entry.kind, 'file');
        break;
      }
      assert.equal(openDescriptors(), before);
    });

    test('no symlink is followed, and other kinds are refused by name', async () => {
      await using dir = await fresh();
      await dir.makeSymlink(name('out'), '/etc');
      await dir.makeSymlink(name('passwd'), '/etc/passwd');
      await assert.rejects(dir.openDir(name('out')), { code: 'CW_DISK_SYMLINK' });
      for (const mode of ['read', 'write', 'append'] as const)
        await assert.rejects(dir.openFile(name('passwd'), mode), { code: 'CW_DISK_SYMLINK' });
      await assert.rejects(dir.openFile(name('passwd'), 'create'), { code: 'CW_DISK_EXISTS' });
      await dir.makeDir(name('sub'));
      await assert.rejects(dir.openFile(name('sub'), 'read'), { code: 'CW_DISK_IS_DIRECTORY' });
      await assert.rejects(dir.openFile(name('sub'), 'write'), { code: 'CW_DISK_IS_DIRECTORY' });
      await (await dir.openFile(FILE, 'create')).close();
      await assert.rejects(dir.openDir(FILE), { code: 'CW_DISK_NOT_DIRECTORY' });
      await assert.rejects(dir.removeDir(FILE), { code: 'CW_DISK_NOT_DIRECTORY' });
      await assert.rejects(dir.removeFile(name('sub')), { code: 'CW_DISK_IS_DIRECTORY' });
    });

    test('renames replace files, move between folders, and refuse what is full', async () => {
      await using dir = await fresh();
      await dir.makeDir(name('a'));
      await using a = await dir.openDir(name('a'));
      await (await a.openFile(FILE, 'create')).close();
      await (await dir.openFile(name('old'), 'create')).close();
      await a.rename(FILE, dir, name('old'));
      assert.deepEqual(
        (await list(dir)).map((entry) => entry.rawName),
        ['a', 'old'],
      );
      await (await a.openFile(FILE, 'create')).close();
      await assert.rejects(dir.removeDir(name('a')), { code: 'CW_DISK_NOT_EMPTY' });
      await assert.rejects(dir.rename(name('gone'), a, FILE), {
        code: 'CW_DISK_NOT_FOUND',
        message: /^cannot rename .*\/gone to .*\/a\/file: it does not exist \(ENOENT\)$/,
      });
      await a.removeFile(FILE);
      await dir.removeDir(name('a'));
      await assert.rejects(a.openFile(FILE, 'create'), { code: 'CW_DISK_NOT_FOUND' });
    });

    test('handles close once, clones stay open, and nothing works on a closed one', async () => {
      const before = openDescriptors();
      const dir = await fresh();
      const clone = await dir.clone();
      const file = await dir.openFile(FILE, 'create');
      await dir.close();
      await dir.close();
      await assert.rejects(dir.stat(FILE), { code: 'CW_INTERNAL' });
      await clone.stat(FILE);
      await clone.sync();
      await clone.close();
      const read = file.write(Buffer.alloc(1 << 20), 0);
      await file.close(); // waits for the call in flight: its descriptor must not go to another file
      await file.close();
      assert.equal(await read, 1 << 20);
      await assert.rejects(file.stat(), { code: 'CW_INTERNAL' });
      assert.equal(openDescriptors(), before);
    });

    test('space, self and a flush of the file system', async () => {
      await using dir = await fresh();
      const space = await dir.space();
      assert.ok(space.totalBytes >= space.freeBytes && space.freeBytes > 0 && !space.readOnly);
      assert.ok(space.fileSystem.length > 0);
      assert.equal((await dir.self()).kind, 'directory');
      assert.equal(await dir.syncFileSystem(), options.syscalls !== null && loadSyscalls() !== null);
    });

    test('forged names do not reach the kernel, and bad roots are told apart', async () => {
      await using dir = await fresh();
      for (const forged of ['..', '.', '', 'a/b', '../x', 'a\0b', 'x'.repeat(256), '\ud800'])
        await assert.rejects(dir.stat(forged as Name), { code: 'CW_DISK_NAME' }, JSON.stringify(forged));
      await (await dir.openFile(FILE, 'create')).close();
      const root = fs.readlinkSync(`/proc/self/fd/${openedBy(dir)}`);
      await assert.rejects(disk.openRoot('relative'), { code: 'CW_DISK_NAME' });
      await assert.rejects(disk.openRoot(`${root}/none`), { code: 'CW_DISK_NOT_FOUND' });
      await assert.rejects(disk.openRoot(`${root}/file`), { code: 'CW_DISK_NOT_DIRECTORY' });
      assert.equal(await disk.statPath(`${root}/none`), null);
      assert.equal(await disk.statPath(`${root}/file/below`), null);
      assert.equal((await disk.statPath(`${root}/file`))?.kind, 'file');
      fs.symlinkSync(root, `${root}/way`);
      await using through = await disk.openRoot(`${root}/way/`);
      assert.equal((await through.self()).inode, (await dir.self()).inode);
    });
  });
}

/** The descriptor of the only open directory below the scratch folder that `dir` can be: the newest. */
function openedBy(_dir: Dir): number {
  const below = fs.readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(scratch);
    } catch {
      return false; // the descriptor of the listing itself
    }
  });
  return Math.max(...below.map(Number));
}

test('without /proc a folder whose path leads elsewhere is refused', async () => {
  const root = fs.mkdtempSync(path.join(scratch, 'd-'));
  fs.mkdirSync(`${root}/a`);
  fs.mkdirSync(`${root}/b`);
  await using dir = await createNodeDisk({ anchor: 'path' }).openRoot(root);
  await using a = await dir.openDir(name('a'));
  fs.renameSync(`${root}/a`, `${root}/c`);
  fs.symlinkSync('b', `${root}/a`);
  await assert.rejects(a.makeDir(name('x')), { code: 'CW_DISK_SYMLINK' });
  assert.deepEqual(fs.readdirSync(`${root}/b`), []);
});

test('opening a FIFO or a socket as a file neither waits nor succeeds', async () => {
  const root = fs.mkdtempSync(path.join(scratch, 'd-'));
  const { execFileSync } = await import('node:child_process');
  execFileSync('mkfifo', [`${root}/file`]);
  await using dir = await createNodeDisk().openRoot(root);
  for (const mode of ['read', 'write', 'append'] as const)
    await assert.rejects(dir.openFile(FILE, mode), { code: 'CW_UNSUPPORTED' });
  await dir.setAttrs(FILE, { mode: 0o600 });
  assert.equal((await dir.stat(FILE)).kind, 'other');
});
