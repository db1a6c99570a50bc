import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { decodePlanPage, encodeCopyMessage, encodePlan } from './copy_messages.ts';
import type { PlanEntry } from './copy_types.ts';
import { asHardLink, PlanPage, PlanPageWriter, planColumns } from './plan_page.ts';

function entry(path: string, more: Partial<PlanEntry> = {}): PlanEntry {
  const times = { mtimeNs: -1n, ctimeNs: 2n ** 63n - 1n };
  return { path, kind: 'file', sizeBytes: 7, mode: 0o644, ...times, inode: '12', linkTarget: '', ...more };
}

const ENTRIES: readonly PlanEntry[] = [
  entry('a', { kind: 'directory', sizeBytes: 0, mode: 0o7777, userId: 0, groupId: 4_294_967_294 }),
  entry('a/ü', { sizeBytes: 2 ** 53 - 1, inode: '18446744073709551615' }),
  entry(`a/${'é'.repeat(127)}`, { inode: '2049:7' }),
  entry('a/012', { inode: '012' }),
  entry('top', { dataBytes: 3, xattrs: [{ name: 'user.x', value: Uint8Array.of(1, 2) }] }),
  entry('a/b/l', { kind: 'symlink', sizeBytes: 0, linkTarget: '../ü' }),
  entry('a/b/h', { kind: 'hardLink', sizeBytes: 0, linkTarget: 'top', first: 4 }),
];

test('entries come out of a page as they went in', () => {
  const page = decodePlanPage(encodePlan(ENTRIES));
  assert.equal(page.count, ENTRIES.length);
  for (const [at, planned] of ENTRIES.entries()) {
    assert.deepEqual(page.entry(at), planned);
    assert.equal(page.path(at), planned.path);
    assert.equal(page.sizeBytes(at), planned.sizeBytes);
    assert.equal(page.dataBytes(at), planned.dataBytes ?? planned.sizeBytes);
  }
  assert.deepEqual(page.folders, ['', 'a', 'a/b']);
});

test('a writer begins each page afresh, and a page is full before it is too large for a message', () => {
  const writer = new PlanPageWriter();
  let pages = 0;
  for (let at = 0; at < 2_000; at += 1) {
    const long = `${'folder/'.repeat(at % 500)}${at}`;
    writer.add(entry(long, { xattrs: [{ name: 'user.x', value: new Uint8Array(at % 9_000) }] }));
    if (!writer.isFull && at < 1_999) continue;
    const columns = writer.take();
    assert.ok(encodeCopyMessage({ t: 'plan', ...columns }).byteLength < LIMITS.messageMaxBytes.value);
    const last = new PlanPage(columns);
    assert.equal(last.path(last.count - 1), long);
    pages += 1;
  }
  assert.ok(pages > 4, `${pages} pages`);
  assert.equal(writer.count, 0);
});

test('an entry becomes one more name of a file, and keeps nothing but what a name has', () => {
  const found = planColumns([entry('a', { userId: 1, groupId: 2, dataBytes: 1 }), entry('b')]);
  const page = new PlanPage(asHardLink(found, 0, { linkTarget: 'x', first: 9 }));
  assert.deepEqual(page.entry(0), entry('a', { kind: 'hardLink', sizeBytes: 0, linkTarget: 'x', first: 9 }));
  assert.deepEqual(page.entry(1), entry('b'));
});

test('a name that is too long is no entry of a page', () => {
  assert.throws(() => planColumns([entry('é'.repeat(128))]), { code: 'CW_DISK_NAME' });
});
