import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { parseRelPath } from '../base/path.ts';
import { encodePlan } from '../wire/copy_messages.ts';
import type { PlanEntry, PlanKind } from '../wire/copy_types.ts';
import { NO_COMPRESSION } from '../world/compression.ts';
import { PlanSpool } from './plan_spool.ts';
import { SinkFiles } from './sink_files.ts';
import { MARK, SinkPlan } from './sink_plan.ts';

const CHUNK = LIMITS.chunkMinBytes.value;
const PAGE = LIMITS.manifestPageEntries.value;

function entry(path: string, kind: PlanKind, sizeBytes: number): PlanEntry {
  return { path, kind, sizeBytes, mode: 0o644, mtimeNs: 1n, ctimeNs: 1n, inode: '1', linkTarget: '' };
}

/** A folder, a symlink, an empty file and two files, again and again, on pages of `perPage` entries. */
function planOf(entries: number, perPage = PAGE): SinkPlan {
  const plan = new SinkPlan(new PlanSpool(NO_COMPRESSION), ({ path }) => parseRelPath(`to/${path}`));
  const kinds = ['directory', 'symlink', 'file', 'file', 'file'] as const;
  const all = Array.from({ length: entries }, (_, at) =>
    entry(`${kinds[at % 5]}-${at}`, kinds[at % 5]!, at % 5 > 2 ? at : 0),
  );
  for (let at = 0; at < entries; at += perPage) {
    const page = all.slice(at, at + perPage);
    plan.add(encodePlan(page));
  }
  return plan;
}

test('entries are found by what is left to do for them, page by page, forwards and backwards', () => {
  const plan = planOf(3_000, 64);
  const folders = [...plan.marked(MARK.folder)];
  assert.deepEqual(
    folders.map(({ index, target }) => [index, target]),
    Array.from({ length: 600 }, (_, at) => [at * 5, `to/directory-${at * 5}`]),
  );
  assert.deepEqual([...plan.markedBackwards(MARK.folder)], folders.reverse());
  assert.equal(plan.count(MARK.symlink), 600);
  assert.equal(plan.count(MARK.emptyFile), 600);
  assert.equal([...plan.pages(MARK.file, MARK.emptyFile)].flat().length, 1_800);
  assert.equal(plan.largest?.sizeBytes, 2_999);
  for (const index of [...plan.numbers(MARK.folder)]) plan.setMark(index, MARK.nothing);
  assert.deepEqual([...plan.pages(MARK.folder)], []);
});

test('a file begins once, ends for good, and can be put back before', () => {
  const files = new SinkFiles(planOf(10), CHUNK);
  assert.equal(files.want(0), undefined, 'a folder is no file');
  assert.equal(files.want(10), undefined, 'the plan has no such entry');
  const file = files.want(3)!;
  assert.equal(files.want(3), file);
  assert.equal(file.target, 'to/file-3');
  files.putBack(file);
  assert.equal(files.begun, 0);
  assert.equal(files.plan.mark(3), MARK.file);
  const empty = files.want(2)!;
  files.putBack(empty);
  assert.equal(files.plan.mark(2), MARK.emptyFile);
  files.end(files.want(3)!);
  assert.equal(files.get(3), undefined);
  assert.equal(files.want(3), undefined);
});

test('an entry that may not be where it wants to is refused when it comes', () => {
  const plan = new SinkPlan(new PlanSpool(NO_COMPRESSION), ({ path }) => parseRelPath(path));
  const page = [entry('fine', 'file', 1), entry('../out', 'file', 1)];
  assert.throws(() => plan.add(encodePlan(page)), {
    code: 'CW_DISK_NAME',
  });
});
