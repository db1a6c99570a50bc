import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRelPath } from '../base/path.ts';
import { type NameRules, WINDOWS_NAMES } from '../tree/names/name_rules.ts';
import { encodePlan } from '../wire/copy_messages.ts';
import type { OnClash, PlanEntry, PlanKind } from '../wire/copy_types.ts';
import { NO_COMPRESSION } from '../world/compression.ts';
import { PlanSpool } from './plan_spool.ts';
import { MARK, SinkPlan } from './sink_plan.ts';
import { checkNames, TargetNames, verdictOf } from './target_names.ts';

function entry(path: string): PlanEntry {
  const kind: PlanKind = path.endsWith('/') ? 'directory' : 'file';
  const sizeBytes = kind === 'file' ? 1 : 0;
  const times = { mtimeNs: 1n, ctimeNs: 1n };
  return {
    path: path.replace(/\/$/, ''),
    kind,
    sizeBytes,
    mode: 0o644,
    ...times,
    inode: '1',
    linkTarget: '',
  };
}

async function check(
  paths: readonly string[],
  onClash: OnClash,
  { there = {}, prefix = '' }: { there?: Record<string, string[]>; prefix?: string } = {},
) {
  const names = new TargetNames();
  const plan = new SinkPlan(
    new PlanSpool(NO_COMPRESSION),
    ({ path }) => names.of(parseRelPath(path)),
    () => names.isRenamed,
  );
  const entries = paths.map(entry);
  plan.add(encodePlan(entries));
  const rules: NameRules = WINDOWS_NAMES;
  const existing = async (folder: string) => there[folder] ?? [];
  const untilOver = <T>(items: Iterable<T>) => items;
  const faults = await checkNames({ plan, rules, onClash, prefix, existing, names, untilOver });
  const targets = paths.map((_, index) => plan.entry(index).target as string);
  const marks = paths.map((_, index) => plan.mark(index));
  return { verdict: verdictOf(faults, onClash, names), targets, marks };
}

const PATHS = ['a:b/', 'a:b/con', 'a:b/plain', 'README', 'dir/', 'dir/x', 'dir/X', 'readme', 'zz.'];

test('by default the copy is refused, and every name is listed', async () => {
  const { verdict, marks } = await check(PATHS, 'fail', { there: { dir: ['X'] } });
  assert.equal(verdict.refusal?.code, 'CW_COPY_CLASH');
  assert.deepEqual(
    verdict.problems.map(({ path }) => path),
    ['a:b', 'a:b/con', 'dir/x', 'readme', 'zz.'],
  );
  assert.match(verdict.refusal.message, /5 of the names.*"README"/s);
  assert.equal(verdict.messages.length, 5);
  assert.ok(!marks.includes(MARK.lost));
});

test('with skip they are passed over, with what lies in them, and the source need not send them', async () => {
  const { verdict, marks } = await check(PATHS, 'skip');
  assert.equal(verdict.refusal, null);
  assert.deepEqual(
    verdict.problems.map(({ path }) => path),
    ['a:b', 'dir/X', 'readme', 'zz.'],
  );
  const { nothing, lost, file, folder } = MARK;
  assert.deepEqual(marks, [nothing, lost, lost, file, folder, file, lost, lost, lost]);
  assert.equal(verdict.skippedFiles, 5);
  assert.deepEqual(
    verdict.messages.map(({ t }) => t),
    ['skip'],
  );
});

test('with rename they get other names, also the folders above, and the job says so', async () => {
  const { verdict, targets } = await check(PATHS, 'rename');
  assert.deepEqual([verdict.refusal, verdict.problems, verdict.messages], [null, [], []]);
  assert.match(targets[0]!, /^a%3Ab~cw[0-9a-f]{8}$/);
  assert.ok(targets[1]!.startsWith(`${targets[0]}/`) && targets[2] === `${targets[0]}/plain`);
  assert.deepEqual([targets[3], targets[5]], ['README', 'dir/x']);
  assert.equal(new Set(targets.map((target) => target.toUpperCase())).size, PATHS.length);
  assert.match(verdict.notes[0]!, /^5 entries have another name at the destination: a:b is a%3Ab~cw/);
  const again = await check(PATHS, 'rename', {
    there: { '': ['README', targets[7]!], dir: ['x', targets[6]!] },
  });
  assert.deepEqual(again.targets, targets, 'the next copy gives the same names');
});

test('a folder for the copy that cannot have its name is refused, whatever is asked for', async () => {
  for (const onClash of ['fail', 'rename', 'skip'] as const)
    assert.equal((await check(['f'], onClash, { prefix: 'a?' })).verdict.refusal?.code, 'CW_COPY_CLASH');
});

test('what fits stays as it is', async () => {
  const { verdict, targets } = await check(['a/', 'a/b', 'c'], 'fail');
  assert.deepEqual([verdict.refusal, verdict.problems, targets], [null, [], ['a', 'a/b', 'c']]);
});
