import assert from 'node:assert/strict';
import { equalBytes } from '../../src/base/bytes.ts';
import type { Dir, DiskFile } from '../../src/world/disk.ts';
import type { FileRanges, RangeCopies, XattrStore } from '../../src/world/disk_caps.ts';
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

const MIB = 1024 * 1024;

/** Runs `body` where the world offers ranges. */
const withRanges = async (file: DiskFile, body: (ranges: FileRanges) => Promise<void>): Promise<void> => {
  if (file.caps.ranges !== null) await body(file.caps.ranges);
};

const HOLES: readonly Case[] = [
  [
    'finds data and holes, and every hole reads as zeros',
    async ({ dir }) => {
      await withFile(dir, 'f', 'create', (file) =>
        withRanges(file, async (ranges) => {
          await writeAll(file, patterned(10_000));
          await writeAll(file, patterned(5_000), MIB + 4096);
          await file.truncate(3 * MIB);
          assert.equal(await ranges.seekData(0), 0);
          assert.equal(await ranges.seekData(5), 5);
          const hole = await ranges.seekHole(0);
          assert.ok(hole !== null && hole >= 10_000 && hole <= MIB + 4096);
          const data = await ranges.seekData(hole);
          assert.ok(data !== null && data > hole && data <= MIB + 4096);
          const end = await ranges.seekHole(data);
          assert.ok(end !== null && end >= MIB + 4096 + 5_000 && end < 3 * MIB);
          assert.equal(await ranges.seekData(end), null);
          assert.equal(await ranges.seekHole(3 * MIB - 1), 3 * MIB - 1);
          const bytes = await readAll(file);
          assert.ok(bytes.subarray(hole, data).every((byte) => byte === 0));
          assert.ok(bytes.subarray(end).every((byte) => byte === 0));
          assert.ok((await file.stat()).allocatedBytes < 3 * MIB);
        }),
      );
    },
  ],
  [
    'knows no data and no hole at the end of a file and behind it; a full file has its hole at the end',
    async ({ dir }) => {
      await withFile(dir, 'f', 'create', (file) =>
        withRanges(file, async (ranges) => {
          assert.equal(await ranges.seekData(0), null);
          assert.equal(await ranges.seekHole(0), null);
          await writeAll(file, patterned(9_000));
          assert.equal(await ranges.seekHole(0), 9_000);
          for (const offset of [9_000, 1_000_000]) {
            assert.equal(await ranges.seekData(offset), null);
            assert.equal(await ranges.seekHole(offset), null);
          }
        }),
      );
    },
  ],
  [
    'punches a hole: zeros there, the rest and the size as before, and blocks given back',
    async ({ dir }) => {
      const bytes = patterned(MIB);
      await withFile(dir, 'f', 'create', (file) =>
        withRanges(file, async (ranges) => {
          await writeAll(file, bytes);
          await file.datasync();
          const before = (await file.stat()).allocatedBytes;
          await ranges.punchHole(100_001, 500_000);
          assert.ok(equalBytes(await readAll(file), bytes.slice().fill(0, 100_001, 600_001)));
          assert.ok((await file.stat()).allocatedBytes <= before - 400_000);
          assert.ok(((await ranges.seekData(300_000)) ?? 0) >= 590_000);
        }),
      );
    },
  ],
  [
    'reserves space without a trace in content and size',
    async ({ dir }) => {
      await withFile(dir, 'f', 'create', (file) =>
        withRanges(file, async (ranges) => {
          await writeAll(file, Buffer.from('kept'));
          await file.truncate(MIB);
          await ranges.allocate(0, MIB);
          const stat = await file.stat();
          assert.equal(stat.sizeBytes, MIB);
          assert.ok(stat.allocatedBytes >= MIB);
          const bytes = await readAll(file);
          assert.equal(Buffer.from(bytes.subarray(0, 4)).toString(), 'kept');
          assert.ok(bytes.subarray(4).every((byte) => byte === 0));
          await writeAll(file, patterned(5_000), 500_000);
          assert.ok(equalBytes((await readAll(file)).subarray(500_000, 505_000), patterned(5_000)));
        }),
      );
    },
  ],
];

/** Two open files, the first with `content`, and the copies of the second where the world offers them. */
async function withCopies(
  dir: Dir,
  content: Uint8Array,
  body: (from: DiskFile, to: DiskFile, copies: RangeCopies) => Promise<void>,
): Promise<void> {
  await withFile(dir, 'from', 'create', (from) =>
    withFile(dir, 'to', 'create', async (to) => {
      if (to.caps.copies === null) return;
      await writeAll(from, content);
      await body(from, to, to.caps.copies);
    }),
  );
}

async function copyAll(
  copies: RangeCopies,
  from: DiskFile,
  fromOffset: number,
  toOffset: number,
  lengthBytes: number,
): Promise<number> {
  let done = 0;
  while (done < lengthBytes) {
    const left = lengthBytes - done;
    const count = await copies.copyRange(from, fromOffset + done, toOffset + done, left);
    assert.ok(count >= 0 && count <= left);
    if (count === 0) break;
    done += count;
  }
  return done;
}

const COPIES: readonly Case[] = [
  [
    'copies a range between files, at any offset',
    async ({ dir }) => {
      const bytes = patterned(300_000);
      await withCopies(dir, bytes, async (from, to, copies) => {
        await writeAll(to, Buffer.from('before'));
        assert.equal(await copyAll(copies, from, 12_345, 3, 200_001), 200_001);
        const result = await readAll(to);
        assert.equal(result.byteLength, 200_004);
        assert.equal(Buffer.from(result.subarray(0, 3)).toString(), 'bef');
        assert.ok(equalBytes(result.subarray(3), bytes.subarray(12_345, 212_346)));
        assert.ok(equalBytes(await readAll(from), bytes));
      });
    },
  ],
  [
    'copies no more than there is, and nothing at the end of the source',
    async ({ dir }) => {
      const bytes = patterned(10_000);
      await withCopies(dir, bytes, async (from, to, copies) => {
        assert.equal(await copyAll(copies, from, 9_000, 0, 5_000), 1_000);
        assert.equal(await copies.copyRange(from, 10_000, 1_000, 5_000), 0);
        assert.equal(await copies.copyRange(from, 20_000, 1_000, 5_000), 0);
        assert.equal(await copies.copyRange(from, 0, 1_000, 0), 0);
        assert.ok(equalBytes(await readAll(to), bytes.subarray(9_000)));
      });
    },
  ],
  [
    'copies within one file where the ranges do not overlap',
    async ({ dir }) => {
      const bytes = patterned(10_000);
      await withCopies(dir, bytes, async (from) => {
        assert.equal(await copyAll(from.caps.copies!, from, 0, 10_000, 5_000), 5_000);
        const result = await readAll(from);
        assert.ok(equalBytes(result.subarray(10_000), bytes.subarray(0, 5_000)));
        await rejectsWith(from.caps.copies!.copyRange(from, 0, 100, 5_000), 'CW_UNSUPPORTED');
      });
    },
  ],
  [
    'shares a range, which is the same then and separate afterwards, or says that it cannot',
    async ({ dir }) => {
      const bytes = patterned(65_536 + 100);
      await withCopies(dir, bytes, async (from, to, copies) => {
        const shared = await copies.reflink(from, 0, 0, bytes.byteLength).then(
          () => true,
          (failure: { code?: string }) => {
            assert.equal(failure.code, 'CW_UNSUPPORTED');
            return false;
          },
        );
        if (!shared) return;
        assert.ok(equalBytes(await readAll(to), bytes));
        await writeAll(to, Buffer.from('changed'), 5_000);
        assert.ok(equalBytes(await readAll(from), bytes));
        await copies.reflink(from, 16_384, 0, 8_192);
        assert.ok(equalBytes((await readAll(to)).subarray(0, 8_192), bytes.subarray(16_384, 24_576)));
        await copies.reflink(from, 0, 0, 0);
        await rejectsWith(copies.reflink(from, 1, 0, 4_096), 'CW_UNSUPPORTED');
        await rejectsWith(copies.reflink(from, 0, 0, 1_000), 'CW_UNSUPPORTED');
        await rejectsWith(copies.reflink(from, 0, 0, MIB), 'CW_UNSUPPORTED');
        assert.ok(equalBytes((await readAll(to)).subarray(0, 8_192), bytes.subarray(16_384, 24_576)));
      });
    },
  ],
  [
    'shares nothing across file systems',
    async ({ world: { disk }, dir, otherDevice }) => {
      if (otherDevice === null) return;
      const other = await disk.openRoot(otherDevice);
      await withFile(other, 'from', 'create', async (from) => {
        await writeAll(from, patterned(8_192));
        await withFile(dir, 'to', 'create', async (to) => {
          if (to.caps.copies === null) return;
          await rejectsWith(
            to.caps.copies.reflink(from, 0, 0, 4_096),
            'CW_DISK_CROSS_DEVICE',
            'CW_UNSUPPORTED',
          );
        });
      });
      await other.close();
    },
  ],
  [
    'changes nothing through a handle for reading or one that is closed',
    async ({ dir }) => {
      await putFile(dir, 'target', 'as it was');
      await withCopies(dir, patterned(8_192), async (from) => {
        const reader = await dir.openFile(name('target'), 'read');
        const { ranges, copies } = reader.caps;
        await assert.rejects(copies!.copyRange(from, 0, 0, 4_096));
        await assert.rejects(copies!.reflink(from, 0, 0, 4_096));
        await assert.rejects(ranges!.punchHole(0, 2));
        await reader.close();
        await assert.rejects(ranges!.seekData(0));
        await assert.rejects(copies!.copyRange(from, 0, 0, 4_096));
        await assert.rejects(from.caps.copies!.copyRange(reader, 0, 0, 4_096));
      });
      assert.equal(await textOf(dir, 'target'), 'as it was');
    },
  ],
];

const text = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString();

/** The names in the `user` namespace: systems with labels add others by themselves. */
async function userNames(store: XattrStore): Promise<string[]> {
  return (await store.list()).filter((one) => one.startsWith('user.')).sort();
}

const XATTRS: readonly Case[] = [
  [
    'keeps extended attributes of files and folders, by handle and by name',
    async ({ dir }) => {
      await putFile(dir, 'f', 'x');
      await dir.makeDir(name('d'));
      await withFile(dir, 'f', 'write', async (file) => {
        const byHandle = file.caps.xattrs;
        if (byHandle === null) return assert.equal(dir.caps.xattrsOf(name('f')), null);
        const byName = dir.caps.xattrsOf(name('f'))!;
        assert.deepEqual(await userNames(byName), []);
        await byHandle.set('user.one', Buffer.from('1'));
        await byName.set('user.zwei', new Uint8Array([0, 255, 0]));
        await byName.set('user.empty', new Uint8Array(0));
        await byName.set('user.数据', patterned(500).subarray(100, 300));
        for (const store of [byHandle, byName]) {
          assert.deepEqual(await userNames(store), ['user.empty', 'user.one', 'user.zwei', 'user.数据']);
          assert.equal(text(await store.get('user.one')), '1');
          assert.deepEqual([...(await store.get('user.zwei'))!], [0, 255, 0]);
          assert.equal((await store.get('user.empty'))?.byteLength, 0);
          assert.ok(equalBytes((await store.get('user.数据'))!, patterned(500).subarray(100, 300)));
          assert.equal(await store.get('user.missing'), null);
        }
        await byName.set('user.one', Buffer.from('replaced'));
        assert.equal(text(await byHandle.get('user.one')), 'replaced');
        assert.equal(await byHandle.remove('user.one'), true);
        assert.equal(await byName.remove('user.one'), false);
        const folder = dir.caps.xattrsOf(name('d'))!;
        await folder.set('user.of folder', Buffer.from('yes'));
        assert.deepEqual(await userNames(folder), ['user.of folder']);
        await using opened = await dir.openDir(name('d'));
        assert.deepEqual(await userNames(opened.caps.ownXattrs!), ['user.of folder']);
        assert.deepEqual(await userNames(byName), ['user.empty', 'user.zwei', 'user.数据']);
      });
    },
  ],
  [
    'moves ctime with an attribute and keeps it through a rename',
    async ({ world: { clock }, dir }) => {
      await putFile(dir, 'f', 'x');
      const store = dir.caps.xattrsOf(name('f'));
      if (store === null) return;
      const before = await dir.stat(name('f'));
      await clock.sleep(20);
      await store.set('user.a', Buffer.from('kept'));
      const after = await dir.stat(name('f'));
      assert.ok(after.ctimeNs > before.ctimeNs);
      assert.equal(after.mtimeNs, before.mtimeNs);
      await dir.rename(name('f'), dir, name('g'));
      assert.equal(text(await dir.caps.xattrsOf(name('g'))!.get('user.a')), 'kept');
    },
  ],
  [
    'follows no symlink to the attributes of another',
    async ({ dir }) => {
      await putFile(dir, 'f', 'x');
      await dir.makeSymlink(name('link'), 'f');
      const store = dir.caps.xattrsOf(name('f'));
      if (store === null) return;
      await store.set('user.a', Buffer.from('of the file'));
      const ofLink = dir.caps.xattrsOf(name('link'))!;
      assert.equal(await ofLink.get('user.a'), null);
      await rejectsWith(ofLink.set('user.b', Buffer.from('x')), 'CW_DISK_PERMISSION', 'CW_UNSUPPORTED');
      assert.deepEqual(await userNames(store), ['user.a']);
    },
  ],
  [
    'names what is wrong',
    async ({ dir }) => {
      await putFile(dir, 'f', 'x');
      const store = dir.caps.xattrsOf(name('f'));
      if (store === null) return;
      await rejectsWith(dir.caps.xattrsOf(name('missing'))!.list(), 'CW_DISK_NOT_FOUND');
      await rejectsWith(dir.caps.xattrsOf(name('missing'))!.get('user.a'), 'CW_DISK_NOT_FOUND');
      for (const bad of ['', 'no namespace', 'user.nul\0', 'nonsense.a'])
        await rejectsWith(store.set(bad, Buffer.from('x')), 'CW_DISK_NAME', 'CW_UNSUPPORTED');
      await rejectsWith(store.set('user.large', new Uint8Array(65_537)), 'CW_UNSUPPORTED');
      assert.deepEqual(await userNames(store), []);
    },
  ],
];

const LINKS: readonly Case[] = [
  [
    'gives a file a second name',
    async ({ dir }) => {
      const { links } = dir.caps;
      if (links === null) return;
      await putFile(dir, 'f', 'one file');
      await dir.makeDir(name('d'));
      const below = await dir.openDir(name('d'));
      await links.link(name('f'), below, name('g'));
      const [first, second] = [await dir.stat(name('f')), await below.stat(name('g'))];
      assert.equal(first.inode, second.inode);
      assert.equal(first.linkCount, 2);
      await withFile(below, 'g', 'write', (file) => writeAll(file, Buffer.from('ONE')));
      assert.equal(await textOf(dir, 'f'), 'ONE file');
      await dir.rename(name('f'), dir, name('h'));
      assert.equal((await dir.stat(name('h'))).linkCount, 2);
      await dir.removeFile(name('h'));
      assert.equal((await below.stat(name('g'))).linkCount, 1);
      assert.equal(await textOf(below, 'g'), 'ONE file');
      await below.close();
    },
  ],
  [
    'links a symlink itself',
    async ({ dir }) => {
      await putFile(dir, 'f', 'x');
      await dir.makeSymlink(name('link'), 'f');
      await dir.caps.links?.link(name('link'), dir, name('second'));
      if (dir.caps.links === null) return;
      assert.equal(await dir.readLink(name('second')), 'f');
      assert.equal((await dir.stat(name('f'))).linkCount, 1);
    },
  ],
  [
    'replaces one of several names and leaves the others',
    async ({ dir }) => {
      const { links } = dir.caps;
      if (links === null) return;
      await putFile(dir, 'a', 'linked');
      await links.link(name('a'), dir, name('b'));
      await links.link(name('a'), dir, name('c'));
      await dir.rename(name('a'), dir, name('b'));
      assert.deepEqual(await namesIn(dir), ['a', 'b', 'c'], 'two names of one file: nothing to do');
      await putFile(dir, 'new', 'new');
      await dir.rename(name('new'), dir, name('b'));
      assert.equal(await textOf(dir, 'b'), 'new');
      assert.equal(await textOf(dir, 'a'), 'linked');
      assert.equal((await dir.stat(name('c'))).linkCount, 2);
    },
  ],
  [
    'links nothing that does not fit',
    async ({ world: { disk }, dir, otherDevice }) => {
      const { links } = dir.caps;
      if (links === null) return;
      await putFile(dir, 'f', 'x');
      await putFile(dir, 'taken', 'x');
      await dir.makeDir(name('d'));
      await rejectsWith(links.link(name('f'), dir, name('taken')), 'CW_DISK_EXISTS');
      await rejectsWith(links.link(name('d'), dir, name('e')), 'CW_DISK_PERMISSION');
      await rejectsWith(links.link(name('missing'), dir, name('e')), 'CW_DISK_NOT_FOUND');
      if (otherDevice !== null) {
        const other = await disk.openRoot(otherDevice);
        await rejectsWith(links.link(name('f'), other, name('f')), 'CW_DISK_CROSS_DEVICE');
        await other.close();
      }
      assert.equal((await dir.stat(name('f'))).linkCount, 1);
    },
  ],
];

const OWNERS: readonly Case[] = [
  [
    'gives what it makes to its own user',
    async ({ world, dir }) => {
      if (!dir.caps.owners) return;
      await putFile(dir, 'f', 'x');
      await dir.makeDir(name('d'));
      await dir.makeSymlink(name('link'), 'f');
      for (const entry of ['f', 'd', 'link'])
        assert.equal((await dir.stat(name(entry))).userId, world.process.info.userId);
    },
  ],
  [
    'sets owner and group of what it names, where its user may',
    async ({ world, dir }) => {
      if (!dir.caps.owners) return;
      await putFile(dir, 'f', 'x');
      await dir.makeSymlink(name('link'), 'f');
      if (world.process.info.userId !== 0) {
        await rejectsWith(dir.setAttrs(name('f'), { userId: 12_345 }), 'CW_DISK_PERMISSION');
        return;
      }
      await dir.setAttrs(name('f'), { userId: 12_345 });
      await dir.setAttrs(name('f'), { groupId: 54_321 });
      await dir.setAttrs(name('link'), { userId: 7, groupId: 8 });
      const [file, link] = [await dir.stat(name('f')), await dir.stat(name('link'))];
      assert.deepEqual([file.userId, file.groupId, link.userId, link.groupId], [12_345, 54_321, 7, 8]);
      await withFile(dir, 'f', 'write', (opened) => opened.setAttrs({ userId: 1, groupId: 2 }));
      const again = await dir.stat(name('f'));
      assert.deepEqual([again.userId, again.groupId], [1, 2]);
    },
  ],
  [
    'sets the mode after the owner, so that setuid given with it stays',
    async ({ dir }) => {
      if (!dir.caps.owners) return;
      await putFile(dir, 'f', 'x');
      const { userId, groupId } = await dir.stat(name('f'));
      await dir.setAttrs(name('f'), { userId, groupId, mode: 0o4755 });
      assert.equal((await dir.stat(name('f'))).mode, 0o4755);
      await dir.setAttrs(name('f'), { userId, groupId });
      assert.equal((await dir.stat(name('f'))).mode, 0o755, 'a change of owner alone takes it away');
      await withFile(dir, 'f', 'write', (file) => file.setAttrs({ userId, groupId, mode: 0o6711 }));
      assert.equal((await dir.stat(name('f'))).mode, 0o6711);
    },
  ],
];

const STATS: readonly Case[] = [
  [
    'tells what an entry takes on the device',
    async ({ dir }) => {
      await withFile(dir, 'f', 'create', async (file) => {
        await writeAll(file, patterned(100_000));
        await file.datasync();
        const stat = await file.stat();
        assert.ok(stat.allocatedBytes >= 100_000 && stat.allocatedBytes <= 400_000);
        assert.equal(stat.special, null);
      });
      assert.equal((await dir.self()).special, null);
    },
  ],
];

/** The capabilities of files and folders that a world declares. */
export function diskCapsSuite(harness: WorldHarness): void {
  registerCases(harness, 'disk, holes', HOLES);
  registerCases(harness, 'disk, range copies', COPIES);
  registerCases(harness, 'disk, extended attributes', XATTRS);
  registerCases(harness, 'disk, hard links', LINKS);
  registerCases(harness, 'disk, owners', OWNERS);
  registerCases(harness, 'disk, stat', STATS);
}
