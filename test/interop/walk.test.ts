import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { DISK_THREAD } from '../../src/guest/disk_thread_module.ts';
import { type PlanTotals, planPages } from '../../src/transfer/source_plan.ts';
import { closeSource, openSource } from '../../src/transfer/source_roots.ts';
import type { PlanEntry } from '../../src/wire/copy_types.ts';
import { createNodeClock } from '../../src/world/node/clock.ts';
import { createNodeDisk } from '../../src/world/node/disk.ts';
import { createNodeOffload } from '../../src/world/node/offload.ts';
import { inlineOffload, type Offload } from '../../src/world/offload.ts';

/** More than one piece of a walk looks at, and more than one block of names. */
const MANY = LIMITS.walkPieceEntries.value + 7;

function makeTree(root: string): void {
  mkdirSync(join(root, 'b', 'deep', 'deeper'), { recursive: true });
  mkdirSync(join(root, 'many'));
  mkdirSync(join(root, '.causeway'));
  writeFileSync(join(root, '.causeway', 'kept-out'), 'x');
  for (let at = 0; at < MANY; at += 1) writeFileSync(join(root, 'many', `f${at}`), 'x'.repeat(at % 7));
  mkdirSync(join(root, 'many', 'f5000-folder'));
  writeFileSync(join(root, 'many', 'f5000-folder', 'inside'), 'y');
  writeFileSync(join(root, 'b', 'deep', 'deeper', 'ü \u{1f600}'), 'é');
  writeFileSync(join(root, 'b', 'deep', 'holes'), '');
  truncateSync(join(root, 'b', 'deep', 'holes'), 1_000_000);
  writeFileSync(join(root, 'b', 'old'), 'o');
  utimesSync(join(root, 'b', 'old'), '-5.5', '-5.5');
  linkSync(join(root, 'b', 'old'), join(root, 'b', 'old-too'));
  symlinkSync('../nowhere', join(root, 'b', 'link'));
  execFileSync('mkfifo', [join(root, 'b', 'pipe')]);
  writeFileSync(Buffer.concat([Buffer.from(join(root, 'b', 'bad-')), Buffer.from([0xff])]), '');
}

async function planned(
  root: string,
  offload: Offload,
): Promise<{ entries: PlanEntry[]; totals: PlanTotals }> {
  const totals: PlanTotals = { entries: 0, bytes: 0, problems: [] };
  const source = await openSource(createNodeDisk(), root);
  const entries: PlanEntry[] = [];
  try {
    const { signal } = new AbortController();
    const looking = <T>(work: () => Promise<T>) => work();
    for await (const { page, roots } of planPages([source], totals, { signal, offload, looking })) {
      assert.equal(roots.length, page.count);
      for (let at = 0; at < page.count; at += 1) entries.push(page.entry(at));
    }
  } finally {
    await closeSource(source);
  }
  return { entries, totals };
}

test('a walk finds each entry once, in order, whichever way it looks and wherever it is interrupted', async () => {
  const root = mkdtempSync(join(tmpdir(), 'causeway-walk-'));
  try {
    makeTree(root);
    const plain = await planned(root, inlineOffload(createNodeClock()));
    const threads = await planned(root, createNodeOffload(DISK_THREAD));
    assert.deepEqual(threads, plain);
    const { entries, totals } = plain;
    assert.equal(totals.entries, entries.length);
    const paths = entries.map(({ path }) => path.split('/').slice(1).join('/'));
    assert.equal(new Set(paths).size, paths.length);
    const many = paths.filter((path) => /^many\/f\d+$/.test(path));
    assert.equal(many.length, MANY);
    assert.deepEqual(many, many.toSorted());
    const folder = paths.indexOf('many/f5000-folder');
    assert.equal(paths[folder + 1], 'many/f5000-folder/inside');
    assert.ok(!paths.some((path) => path.startsWith('.causeway')));
    const of = (path: string) => entries[paths.indexOf(path)];
    assert.equal(of('b/deep/holes')?.dataBytes, 0);
    assert.equal(of('b/old')?.mtimeNs, -5_500_000_000n);
    assert.equal(of('b/old-too')?.kind, 'hardLink');
    assert.equal(of('b/link')?.linkTarget, '../nowhere');
    assert.ok(of('b/deep/deeper/ü \u{1f600}'));
    assert.deepEqual(totals.problems.map(({ code }) => code).toSorted(), [
      'CW_COPY_NAME_ILLEGAL',
      'CW_UNSUPPORTED',
    ]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
