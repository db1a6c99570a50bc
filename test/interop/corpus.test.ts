import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { hostileTree, softenTree } from '../fixtures/hostile_tree.ts';
import { Rig } from './rig.ts';
import { type EntryRecord, linkGroupsOf, recordsOf } from './tree_records.ts';

/** Only root can make most of these entries. */
const isRoot = process.getuid?.() === 0;
const skip = isRoot || process.env['CAUSEWAY_REQUIRE'] === 'all' ? false : 'needs root';

/** A file may take so much more than at its source: blocks of the file system around islands of data. */
const SLACK = 64 * 1024;

/** A path as the job shows it: bytes that are no UTF-8 are escaped. */
function shown(path: string): string {
  const bytes = Buffer.from(path, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : '';
}

describe('a tree of hostile entries', { skip }, () => {
  let rig: Rig;
  let source: string;
  before(async () => {
    rig = await Rig.start();
    source = join(rig.hostFiles, 'hostile');
    mkdirSync(source);
    hostileTree(source);
  });
  after(async () => {
    softenTree(source);
    await rig?.[Symbol.asyncDispose]();
  });

  async function copy(direction: 'in' | 'out', from: string, to: string): Promise<JobView> {
    const end = await rig.waitJob((await rig.startJob(direction, from, to)).id);
    assert.ok(end.state === 'done' || end.state === 'partial', JSON.stringify(end.error));
    return end;
  }

  /** Every entry is there as it was, or is listed, or lies in a folder that is. */
  function compare(from: string, to: string, { problems }: JobView): { same: number; listed: number } {
    const wanted = recordsOf(from);
    const there = recordsOf(to);
    const listed = new Set(problems.map(({ path }) => path.slice(path.indexOf('/') + 1)));
    const missing = new Set<string>();
    const lacking = new Set(
      problems
        .filter(({ code }) => code === 'CW_COPY_METADATA')
        .map(({ path }) => path.slice(path.indexOf('/') + 1)),
    );
    const wrong: string[] = [];
    for (const [path, record] of wanted) {
      const copied = there.get(path);
      if (copied === undefined) missing.add(path);
      else if (!lacking.has(path)) wrong.push(...differences(path, record, copied));
    }
    assert.deepEqual(wrong, []);
    assert.deepEqual(
      [...there.keys()].filter((path) => !wanted.has(path)),
      [],
      'nothing else is there',
    );
    const isBelowMissing = (path: string) => missing.has(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    const tops = [...missing].filter((path) => !isBelowMissing(path));
    const unlisted = tops.filter((path) => shown(path) !== '' && !listed.has(shown(path)));
    assert.deepEqual(unlisted, [], 'what is missing is listed');
    assert.equal(problems.length, tops.length + lacking.size, 'nothing else is listed');
    const isThere = (path: string) => there.has(path);
    assert.deepEqual(linkGroupsOf(there, isThere), linkGroupsOf(wanted, isThere));
    const listedCount = missing.size + lacking.size;
    return { same: wanted.size - listedCount, listed: listedCount };
  }

  function differences(path: string, wanted: EntryRecord, there: EntryRecord): string[] {
    const found: string[] = [];
    for (const key of ['stat', 'content', 'attributes', 'accessLists'] as const)
      if (wanted[key] !== there[key]) found.push(`${path}: ${key} ${wanted[key]} became ${there[key]}`);
    if (there.diskBytes > wanted.diskBytes + SLACK)
      found.push(`${path}: takes ${there.diskBytes} bytes, not ${wanted.diskBytes}`);
    return found;
  }

  test('goes into the machine and comes back, or is listed', { timeout: 300_000 }, async (t) => {
    const into = await copy('in', source, rig.guestFiles);
    const there = join(rig.guestFiles, 'hostile');
    const first = compare(source, there, into);
    t.diagnostic(`in: ${first.same} entries as they were, ${first.listed} listed`);
    assert.ok(first.same + first.listed >= 500, 'a corpus of at least 500 entries');
    const codes = new Map(into.problems.map(({ path, code }) => [path.slice('hostile/'.length), code]));
    const unsupported = [...codes].filter(([, code]) => code === 'CW_UNSUPPORTED').map(([path]) => path);
    const kinds = ['block device', 'character device', 'fifo', 'socket'].map((name) => `kinds/${name}`);
    assert.deepEqual(unsupported.sort(), [...kinds, 'times/file 12']);
    const allowed = ['CW_UNSUPPORTED', 'CW_COPY_NAME_ILLEGAL', 'CW_COPY_METADATA'];
    assert.deepEqual(
      [...codes.values()].filter((code) => !allowed.includes(code)),
      [],
    );
    const back = join(rig.hostFiles, 'back');
    mkdirSync(back);
    const out = await copy('out', there, back);
    const second = compare(there, join(back, 'hostile'), out);
    t.diagnostic(`out: ${second.same} entries as they were, ${second.listed} listed`);
    assert.equal(second.listed, 0, 'what has come there goes everywhere');
  });

  test('a second copy has nothing to send', { timeout: 300_000 }, async () => {
    const again = await copy('in', source, rig.guestFiles);
    assert.equal(again.sentBytes, 0);
    compare(source, join(rig.guestFiles, 'hostile'), again);
  });
});
