import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Name, parseName } from '../../base/path.ts';
import type { Dir } from '../disk.ts';
import type { PlainStat, WholeFiles } from '../whole_files.ts';
import { createNodeDisk } from './disk.ts';
import { loadSyscalls } from './syscalls.ts';
import { createWholeFiles } from './whole_files.ts';
import { loadXattrCalls } from './xattr_calls.ts';

async function withFolders(
  body: (
    whole: WholeFiles,
    folder: { readonly path: string; readonly dir: Dir; readonly store: Dir },
  ) => void,
  nowS?: () => number,
): Promise<void> {
  const whole = createWholeFiles(loadSyscalls(), null, nowS);
  if (whole === null) return;
  const path = mkdtempSync(join(tmpdir(), 'causeway-whole-'));
  const dir = await createNodeDisk().openRoot(path);
  await dir.makeDir(parseName('store'), 0o700);
  const store = await dir.openDir(parseName('store'));
  try {
    body(whole, { path, dir, store });
  } finally {
    await store.close();
    await dir.close();
    rmSync(path, { recursive: true });
  }
}

const PLAIN: PlainStat = {
  kind: 'file',
  sizeBytes: 0,
  mode: 0,
  mtimeNs: 0n,
  ctimeNs: 0n,
  inode: 0n,
  userId: 0,
  groupId: 0,
};
const A = parseName('ä');
const B = parseName('b');
const BYTES = Buffer.from('0123456789');
/** Before 1970 and with nanoseconds: both parts of a time count. */
const EARLY_NS = -1_500_000_001n;
const onLinux = { skip: process.platform !== 'linux' && 'these calls are of Linux' };

function stateOf(path: string) {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true });
  return { sizeBytes: Number(size), mtimeNs, ctimeNs, inode: String(ino) };
}

test('a file is written, read back, and gets its mode, time and name', onLinux, async () => {
  await withFolders((whole, { path, dir, store }) => {
    whole.write(store, A, BYTES, 0o600);
    assert.equal(statSync(join(path, 'store', 'ä')).mode & 0o7777, 0o600);
    const into = new Uint8Array(BYTES.byteLength);
    const to = { dir, name: B, attrs: { mode: 0o4751, mtimeNs: EARLY_NS } };
    const accept = (bytes: Uint8Array, count: number) => count === 10 && BYTES.equals(bytes);
    assert.equal(
      whole.finish({ dir: store, name: A }, into, () => false, to),
      false,
    );
    assert.equal(whole.finish({ dir: store, name: A }, into, accept, to), true);
    const { mode, mtimeNs } = statSync(join(path, 'b'), { bigint: true });
    assert.equal(mode & 0o7777n, 0o4751n);
    assert.equal(mtimeNs, EARLY_NS);
    assert.deepEqual(readFileSync(join(path, 'b')), BYTES);
    assert.throws(() => whole.finish({ dir: store, name: A }, into, accept, to), {
      code: 'CW_DISK_NOT_FOUND',
    });
  });
});

test(
  'a longer leftover is written over and cut, an empty file is made, and a folder keeps its name',
  onLinux,
  async () => {
    await withFolders((whole, { path, dir, store }) => {
      writeFileSync(join(path, 'store', 'b'), 'x'.repeat(100));
      whole.write(store, B, BYTES, 0o600);
      const into = new Uint8Array(BYTES.byteLength);
      const attrs = { mode: 0o644, userId: process.getuid!() };
      assert.ok(whole.finish({ dir: store, name: B }, into, () => true, { dir, name: B, attrs }));
      assert.deepEqual(readFileSync(join(path, 'b')), BYTES);
      mkdirSync(join(path, 'sub'));
      const empty = new Uint8Array(0);
      assert.ok(whole.finish({ dir: store, name: A }, empty, () => false, { dir, name: A, attrs }));
      assert.equal(statSync(join(path, 'ä')).size, 0);
      assert.throws(
        () =>
          whole.finish({ dir: store, name: A }, empty, () => true, { dir, name: parseName('sub'), attrs }),
        { code: 'CW_DISK_IS_DIRECTORY' },
      );
    });
  },
);

test('a read tells what stands there where it is not the planned file', onLinux, async () => {
  await withFolders((whole, { path, dir }) => {
    writeFileSync(join(path, 'b'), BYTES);
    const planned = stateOf(join(path, 'b'));
    const into = new Uint8Array(BYTES.byteLength);
    assert.equal(whole.read(dir, B, into, planned), null);
    assert.ok(BYTES.equals(into));
    for (const other of [
      { sizeBytes: 9 },
      { mtimeNs: planned.mtimeNs + 1n },
      { ctimeNs: planned.ctimeNs - 1n },
      { inode: `${planned.inode}0` },
    ])
      assert.equal(whole.read(dir, B, into, { ...planned, ...other })?.sizeBytes, 10);
    assert.equal(whole.read(dir, B, new Uint8Array(11), planned)?.sizeBytes, 10, 'it ends before');
    assert.throws(() => whole.read(dir, A, into, planned), { code: 'CW_DISK_NOT_FOUND' });
  });
});

test('no symlink is followed, no special file read, and no forged name taken', onLinux, async () => {
  await withFolders((whole, { path, dir }) => {
    writeFileSync(join(path, 'b'), BYTES);
    const planned = stateOf(join(path, 'b'));
    const into = new Uint8Array(BYTES.byteLength);
    symlinkSync('b', join(path, 'link'));
    assert.throws(() => whole.read(dir, parseName('link'), into, planned), { code: 'CW_DISK_SYMLINK' });
    assert.throws(() => whole.write(dir, parseName('link'), BYTES, 0o600), { code: 'CW_DISK_SYMLINK' });
    assert.equal(spawnSync('mkfifo', [join(path, 'fifo')]).status, 0);
    assert.throws(() => whole.read(dir, parseName('fifo'), into, planned), { code: 'CW_UNSUPPORTED' });
    assert.throws(() => whole.write(dir, parseName('fifo'), BYTES, 0o600), { code: 'CW_UNSUPPORTED' });
    for (const forged of ['store/x', '..', 'b\0c', '\ud800', 'x'.repeat(256)])
      assert.throws(() => whole.write(dir, forged as Name, BYTES, 0o600), { code: 'CW_DISK_NAME' });
    assert.throws(() => whole.read(dir, 'store/../b' as Name, into, planned), { code: 'CW_DISK_NAME' });
  });
});

test(
  'attributes that a file gets later are seen, although it is known to have had none',
  onLinux,
  async () => {
    const inAnHourS = () => Math.floor(Date.now() / 1_000) + 3_600;
    await withFolders((whole, { path, dir }) => {
      const file = join(path, 'b');
      writeFileSync(file, BYTES);
      const look = () => whole.look(dir, B, { ...PLAIN }, true);
      assert.deepEqual([look(), look()], ['plain', 'plain']);
      const { ctimeNs } = statSync(file, { bigint: true });
      const xattrs = loadXattrCalls()!;
      // the clock of the file system may tick only every few milliseconds
      for (let value = 0; statSync(file, { bigint: true }).ctimeNs === ctimeNs; value += 1)
        xattrs.set(file, 'user.later', Buffer.from(String(value)));
      assert.equal(look(), 'other');
      xattrs.remove(file, 'user.later');
      assert.deepEqual([look(), look()], ['plain', 'plain']);
    }, inAnHourS);
  },
);
