import assert from 'node:assert/strict';
import {
  type Case,
  name,
  namesIn,
  putFile,
  readAll,
  registerCases,
  rejectsWith,
  textOf,
  type WorldHarness,
  withFile,
  writeAll,
} from './harness.ts';

const ENTRIES: readonly Case[] = [
  [
    'lists each entry once, with its kind',
    async ({ dir }) => {
      const expected = new Map<string, string>();
      for (let i = 0; i < 150; i += 1) {
        await (await dir.openFile(name(`file ${i}`), 'create')).close();
        expected.set(`file ${i}`, 'file');
      }
      await dir.makeDir(name('folder'));
      await dir.makeSymlink(name('link'), 'folder');
      expected.set('folder', 'directory').set('link', 'symlink');
      const seen = new Map<string, string>();
      for await (const entry of dir.list()) {
        assert.ok(!seen.has(entry.rawName));
        assert.equal(entry.name, entry.rawName);
        seen.set(entry.rawName, entry.kind);
      }
      assert.deepEqual(new Map([...seen].sort()), new Map([...expected].sort()));
    },
  ],
  [
    'may be left in the middle of a listing',
    async ({ dir }) => {
      await putFile(dir, 'a', '');
      await putFile(dir, 'b', '');
      for await (const entry of dir.list()) {
        assert.notEqual(entry.name, null);
        break;
      }
    },
  ],
  [
    'takes names of any script, with spaces, dots and 255 bytes, each for itself',
    async ({ dir }) => {
      const names = [
        ' leading',
        '..three',
        'Grüße',
        'Gru\u0308ße',
        '数据',
        '🚚',
        'UPPER',
        'upper',
        'a\nb',
        'x'.repeat(255),
      ];
      for (const text of names) await putFile(dir, text, text);
      assert.deepEqual(await namesIn(dir), [...names].sort());
      for (const text of names) assert.equal(await textOf(dir, text), text);
    },
  ],
  [
    'stats an entry without following a symlink',
    async ({ dir }) => {
      await putFile(dir, 'f', 'four');
      await dir.makeSymlink(name('link'), 'f');
      const stat = await dir.stat(name('f'));
      assert.equal(stat.kind, 'file');
      assert.equal(stat.sizeBytes, 4);
      assert.equal(stat.linkCount, 1);
      assert.equal(stat.deviceId, (await dir.self()).deviceId);
      const link = await dir.stat(name('link'));
      assert.equal(link.kind, 'symlink');
      assert.notEqual(link.inode, stat.inode);
      await rejectsWith(dir.stat(name('missing')), 'CW_DISK_NOT_FOUND');
    },
  ],
  [
    'keeps the target of a symlink as it was given',
    async ({ dir }) => {
      const targets = ['f', '../up', '/absolute/path', 'with space', 'x'.repeat(1000)];
      for (const [at, target] of targets.entries()) {
        await dir.makeSymlink(name(`link ${at}`), target);
        assert.equal(await dir.readLink(name(`link ${at}`)), target);
      }
      await rejectsWith(dir.makeSymlink(name('link 0'), 'other'), 'CW_DISK_EXISTS');
      await rejectsWith(dir.readLink(name('missing')), 'CW_DISK_NOT_FOUND');
      await putFile(dir, 'f', 'x');
      await assert.rejects(dir.readLink(name('f')));
    },
  ],
  [
    'makes and removes folders',
    async ({ dir }) => {
      await dir.makeDir(name('d'));
      await rejectsWith(dir.makeDir(name('d')), 'CW_DISK_EXISTS');
      const below = await dir.openDir(name('d'));
      await putFile(below, 'f', 'x');
      await rejectsWith(dir.removeDir(name('d')), 'CW_DISK_NOT_EMPTY');
      await below.removeFile(name('f'));
      await below.close();
      await dir.removeDir(name('d'));
      await rejectsWith(dir.removeDir(name('d')), 'CW_DISK_NOT_FOUND');
      assert.deepEqual(await namesIn(dir), []);
    },
  ],
  [
    'removes files and symlinks, not what they point to',
    async ({ dir }) => {
      await putFile(dir, 'f', 'x');
      await dir.makeSymlink(name('link'), 'f');
      await dir.removeFile(name('link'));
      assert.deepEqual(await namesIn(dir), ['f']);
      await dir.removeFile(name('f'));
      await rejectsWith(dir.removeFile(name('f')), 'CW_DISK_NOT_FOUND');
      await dir.makeDir(name('d'));
      await rejectsWith(dir.removeFile(name('d')), 'CW_DISK_IS_DIRECTORY', 'CW_DISK_PERMISSION');
      await putFile(dir, 'g', 'x');
      await rejectsWith(dir.removeDir(name('g')), 'CW_DISK_NOT_DIRECTORY');
    },
  ],
  [
    'makes nothing in a folder that was removed',
    async ({ dir }) => {
      await dir.makeDir(name('d'));
      const below = await dir.openDir(name('d'));
      await dir.removeDir(name('d'));
      await rejectsWith(below.openFile(name('f'), 'create'), 'CW_DISK_NOT_FOUND');
      await rejectsWith(below.makeDir(name('e')), 'CW_DISK_NOT_FOUND');
      await below.close();
    },
  ],
];

const RENAMES: readonly Case[] = [
  [
    'renames a file and keeps what it is',
    async ({ dir }) => {
      await putFile(dir, 'a', 'content');
      const { inode } = await dir.stat(name('a'));
      await dir.rename(name('a'), dir, name('b'));
      assert.deepEqual(await namesIn(dir), ['b']);
      assert.equal((await dir.stat(name('b'))).inode, inode);
      assert.equal(await textOf(dir, 'b'), 'content');
    },
  ],
  [
    'replaces a file, while those who have the old one open keep it',
    async ({ dir }) => {
      await putFile(dir, 'old', 'old');
      await putFile(dir, 'new', 'new');
      await withFile(dir, 'old', 'read', async (file) => {
        await dir.rename(name('new'), dir, name('old'));
        assert.equal(Buffer.from(await readAll(file)).toString(), 'old');
      });
      assert.equal(await textOf(dir, 'old'), 'new');
      assert.deepEqual(await namesIn(dir), ['old']);
    },
  ],
  [
    'moves files and folders between folders',
    async ({ dir }) => {
      await dir.makeDir(name('from'));
      await dir.makeDir(name('to'));
      const from = await dir.openDir(name('from'));
      const to = await dir.openDir(name('to'));
      await putFile(from, 'f', 'x');
      await from.makeDir(name('d'));
      await from.rename(name('f'), to, name('g'));
      await from.rename(name('d'), to, name('e'));
      assert.deepEqual(await namesIn(from), []);
      assert.deepEqual(await namesIn(to), ['e', 'g']);
      await from.close();
      await to.close();
    },
  ],
  [
    'moves a symlink itself, and replaces one instead of what it points to',
    async ({ dir }) => {
      await putFile(dir, 'f', 'kept');
      await dir.makeSymlink(name('link'), 'f');
      await dir.rename(name('link'), dir, name('moved'));
      assert.equal(await dir.readLink(name('moved')), 'f');
      await putFile(dir, 'g', 'other');
      await dir.rename(name('g'), dir, name('moved'));
      assert.equal(await textOf(dir, 'moved'), 'other');
      assert.equal(await textOf(dir, 'f'), 'kept');
    },
  ],
  [
    'replaces an empty folder by a folder, and nothing that does not fit',
    async ({ dir }) => {
      for (const folder of ['empty', 'full', 'moving']) await dir.makeDir(name(folder));
      const full = await dir.openDir(name('full'));
      await putFile(full, 'f', 'x');
      await full.close();
      await putFile(dir, 'file', 'x');
      await rejectsWith(dir.rename(name('moving'), dir, name('full')), 'CW_DISK_NOT_EMPTY', 'CW_DISK_EXISTS');
      await rejectsWith(dir.rename(name('moving'), dir, name('file')), 'CW_DISK_NOT_DIRECTORY');
      await rejectsWith(dir.rename(name('file'), dir, name('moving')), 'CW_DISK_IS_DIRECTORY');
      await rejectsWith(dir.rename(name('missing'), dir, name('x')), 'CW_DISK_NOT_FOUND');
      await dir.rename(name('moving'), dir, name('empty'));
      assert.deepEqual(await namesIn(dir), ['empty', 'file', 'full']);
    },
  ],
  [
    'moves no folder into itself',
    async ({ dir }) => {
      await dir.makeDir(name('d'));
      const below = await dir.openDir(name('d'));
      await assert.rejects(dir.rename(name('d'), below, name('e')));
      assert.deepEqual(await namesIn(dir), ['d']);
      await below.close();
    },
  ],
  [
    'does not rename across file systems',
    async ({ world: { disk }, dir, otherDevice }) => {
      if (otherDevice === null) return;
      const other = await disk.openRoot(otherDevice);
      assert.notEqual((await other.self()).deviceId, (await dir.self()).deviceId);
      await putFile(dir, 'f', 'x');
      await rejectsWith(dir.rename(name('f'), other, name('f')), 'CW_DISK_CROSS_DEVICE');
      await other.close();
      assert.equal(await textOf(dir, 'f'), 'x');
    },
  ],
];

const ATTRIBUTES: readonly Case[] = [
  [
    'sets the mode of an entry and of an open file',
    async ({ dir }) => {
      await putFile(dir, 'f', 'x');
      await dir.makeDir(name('d'));
      await dir.setAttrs(name('f'), { mode: 0o640 });
      await dir.setAttrs(name('d'), { mode: 0o711 });
      assert.equal((await dir.stat(name('f'))).mode, 0o640);
      assert.equal((await dir.stat(name('d'))).mode, 0o711);
      await withFile(dir, 'f', 'write', async (file) => {
        await file.setAttrs({ mode: 0o604 });
        assert.equal((await file.stat()).mode, 0o604);
      });
    },
  ],
  [
    'sets times to the nanosecond, before 1970 and after 2038 too',
    async ({ dir }) => {
      await putFile(dir, 'f', 'x');
      await dir.makeDir(name('d'));
      for (const mtimeNs of [1_700_000_000_123_456_789n, 1n, -1_000_000_001n, 4_000_000_000_999_999_999n]) {
        await dir.setAttrs(name('f'), { mtimeNs });
        assert.equal((await dir.stat(name('f'))).mtimeNs, mtimeNs);
        await dir.setAttrs(name('d'), { mtimeNs });
        assert.equal((await dir.stat(name('d'))).mtimeNs, mtimeNs);
        await withFile(dir, 'f', 'write', (file) => file.setAttrs({ mtimeNs: mtimeNs + 1n }));
        assert.equal((await dir.stat(name('f'))).mtimeNs, mtimeNs + 1n);
      }
    },
  ],
  [
    'sets the time of a symlink itself, and its mode nowhere',
    async ({ dir }) => {
      await putFile(dir, 'f', 'x');
      await dir.makeSymlink(name('link'), 'f');
      const before = await dir.stat(name('f'));
      await dir.setAttrs(name('link'), { mode: 0o600, mtimeNs: 1_600_000_000_000_000_001n });
      assert.equal((await dir.stat(name('link'))).mtimeNs, 1_600_000_000_000_000_001n);
      const after = await dir.stat(name('f'));
      assert.equal(after.mtimeNs, before.mtimeNs);
      assert.equal(after.mode, before.mode);
    },
  ],
  [
    'moves mtime and ctime when the content changes, and ctime when attributes do',
    async ({ world: { clock }, dir }) => {
      await putFile(dir, 'f', 'x');
      await dir.setAttrs(name('f'), { mtimeNs: 1_000_000_000n });
      const first = await dir.stat(name('f'));
      await clock.sleep(20);
      await withFile(dir, 'f', 'write', (file) => writeAll(file, Buffer.from('y')));
      const second = await dir.stat(name('f'));
      assert.ok(second.mtimeNs > first.mtimeNs);
      assert.ok(second.ctimeNs > first.ctimeNs);
      await clock.sleep(20);
      await dir.setAttrs(name('f'), { mtimeNs: first.mtimeNs });
      const third = await dir.stat(name('f'));
      assert.equal(third.mtimeNs, first.mtimeNs);
      assert.ok(third.ctimeNs > second.ctimeNs, 'setting the time back shows in ctime');
    },
  ],
  [
    'keeps mode and time through a rename',
    async ({ dir }) => {
      await putFile(dir, 'f', 'x');
      await dir.setAttrs(name('f'), { mode: 0o440, mtimeNs: 123_456_789_000_000_001n });
      await dir.rename(name('f'), dir, name('g'));
      const stat = await dir.stat(name('g'));
      assert.equal(stat.mode, 0o440);
      assert.equal(stat.mtimeNs, 123_456_789_000_000_001n);
    },
  ],
  [
    'sets attributes of nothing that is missing',
    async ({ dir }) => {
      await rejectsWith(dir.setAttrs(name('missing'), { mode: 0o600 }), 'CW_DISK_NOT_FOUND');
    },
  ],
];

/** Every method of `Dir` that is about its entries. */
export function diskEntriesSuite(harness: WorldHarness): void {
  registerCases(harness, 'disk, entries', ENTRIES);
  registerCases(harness, 'disk, renames', RENAMES);
  registerCases(harness, 'disk, attributes', ATTRIBUTES);
}
