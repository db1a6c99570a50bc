import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePlanPage, encodePlan } from '../wire/copy_messages.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import { NO_COMPRESSION } from '../world/compression.ts';
import { createNodeCompression } from '../world/node/compression.ts';
import { PlanSpool } from './plan_spool.ts';

const PAGE = 512;

/** Entries as a walk finds them: times, inodes and names differ, most of the rest repeats. */
function entry(at: number): PlanEntry {
  const timeNs = 1_763_700_000_000_000_000n + BigInt(at) * 39_916_801n + BigInt((at * 7_919) % 9_973);
  return {
    path: `tree/folder-${String(Math.floor(at / 1_000)).padStart(5, '0')}/file-${at}.dat`,
    kind: at % 1_000 === 0 ? 'directory' : 'file',
    sizeBytes: (at * 31) % 1_024,
    mode: 0o644,
    mtimeNs: timeNs,
    ctimeNs: timeNs + 1_234n,
    inode: `2049:${1_000_000 + at}`,
    linkTarget: '',
  };
}

function fill(spool: PlanSpool, pageSizes: Iterable<number>, withPages = false): PlanEntry[] {
  const all: PlanEntry[] = [];
  for (const size of pageSizes) {
    const entries = Array.from({ length: size }, (_, at) => entry(all.length + at));
    const message = encodePlan(entries);
    spool.add(message, size, withPages ? decodePlanPage(message) : null);
    all.push(...entries);
  }
  return all;
}

for (const { name, compression, plainMaxBytes } of [
  { name: 'uncompressed', compression: NO_COMPRESSION, plainMaxBytes: 0 },
  { name: 'compressed', compression: createNodeCompression(), plainMaxBytes: 0 },
  { name: 'as they are', compression: createNodeCompression(), plainMaxBytes: undefined },
  { name: 'the first as they are', compression: createNodeCompression(), plainMaxBytes: 200_000 },
]) {
  test(`entries come back as they were, in any order, from pages of any size: ${name}`, () => {
    const spool = new PlanSpool(compression, plainMaxBytes);
    const all = fill(spool, [PAGE, 1, 0, 3, PAGE, ...Array.from({ length: 40 }, () => 7)], true);
    assert.equal(spool.entries, all.length);
    assert.equal(spool.pages, 44);
    for (let step = 1; step < 40; step += 6)
      for (let index = 0; index < all.length; index += step)
        assert.deepEqual(spool.entry((index * step) % all.length), all[(index * step) % all.length]);
    const inPages = Array.from({ length: spool.pages }, (_, page) => {
      assert.deepEqual(spool.page(page).entry(0), all[spool.firstOf(page)]);
      return spool.page(page).count;
    });
    assert.equal(
      inPages.reduce((sum, count) => sum + count, 0),
      spool.firstOf(spool.pages),
    );
  });
}

test('a hundred thousand entries take less than 24 bytes each', (t) => {
  const spool = new PlanSpool(createNodeCompression());
  const pages = Array.from({ length: Math.ceil(100_000 / PAGE) }, () => PAGE);
  const { length } = fill(spool, pages);
  const each = spool.keptBytes / length;
  t.diagnostic(`${each.toFixed(1)} bytes an entry`);
  assert.ok(each < 24, `${each} bytes an entry`);
});

test('pages are compressed once the room for those that are kept as they are is taken', () => {
  let compressed = 0;
  const compress = (bytes: Uint8Array) => {
    compressed += 1;
    return bytes;
  };
  const spool = new PlanSpool({ compress, expand: (bytes) => bytes }, 1_000_000);
  const sizes = Array.from({ length: 20 }, () => PAGE);
  fill(spool, sizes.slice(0, 1), true);
  assert.equal(compressed, 0);
  fill(spool, sizes.slice(1), true);
  assert.ok(compressed >= 15 && compressed < 20, `${compressed} of 20 pages`);
});

test('a plan of more pages than may be kept is refused', () => {
  const spool = new PlanSpool({ compress: () => new Uint8Array(64 * 1024 * 1024), expand: (bytes) => bytes });
  const page = encodePlan([entry(0)]);
  assert.throws(() => {
    for (let at = 0; at < 20; at += 1) spool.add(page, 1);
  }, /too many entries/);
});
