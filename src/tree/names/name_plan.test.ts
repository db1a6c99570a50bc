import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NamePlan } from './name_plan.ts';
import { WINDOWS_NAMES } from './name_rules.ts';

test('what lies in a renamed folder goes into it under its new name', async () => {
  const asked: string[] = [];
  const existing = async (folder: string): Promise<string[]> => {
    asked.push(folder);
    return folder === '' ? ['Docs'] : folder === 'Docs' ? ['A.TXT'] : [];
  };
  const plan = new NamePlan(WINDOWS_NAMES, { existing, renames: true });
  const paths = [
    'Docs',
    'Docs/a.txt',
    'Docs/sub',
    'Docs/sub/x',
    'Docs/z',
    'a:b',
    'a:b/con',
    'a:b/in',
    'a:b/in/f',
    'docs',
    'docs/f',
    'last',
  ];
  const targets = new Map<string, string>();
  const faults = new Map<string, string>();
  for (const path of paths) {
    const { target, fault } = await plan.place(path);
    targets.set(path, target);
    if (fault) faults.set(path, fault.kind);
  }
  const folder = targets.get('a:b')!;
  assert.match(folder, /^a%3Ab~cw[0-9a-f]{8}$/);
  assert.match(targets.get('a:b/con')!, new RegExp(`^${folder}/%63on~cw[0-9a-f]{8}$`));
  assert.equal(targets.get('a:b/in/f'), `${folder}/in/f`);
  assert.match(targets.get('docs/f')!, /^docs~cw[0-9a-f]{8}\/f$/);
  assert.match(targets.get('Docs/a.txt')!, /^Docs\/a~cw[0-9a-f]{8}\.txt$/);
  for (const path of ['Docs', 'Docs/sub', 'Docs/sub/x', 'Docs/z', 'last'])
    assert.equal(targets.get(path), path);
  assert.deepEqual(Object.fromEntries(faults), {
    'Docs/a.txt': 'clash',
    'a:b': 'character',
    'a:b/con': 'reserved',
    docs: 'clash',
  });
  assert.deepEqual(asked, ['', 'Docs', 'Docs/sub', folder, `${folder}/in`, targets.get('docs')]);
});

test('without renaming every path keeps its name, and every fault is reported', async () => {
  const plan = new NamePlan(WINDOWS_NAMES, { existing: async () => [], renames: false });
  const kinds: (string | undefined)[] = [];
  for (const path of ['a:b', 'a:b/x', 'a:b/X', 'A:B', 'deep/er/con']) {
    const { target, fault } = await plan.place(path);
    assert.equal(target, path);
    kinds.push(fault?.kind);
  }
  assert.deepEqual(kinds, ['character', undefined, 'clash', 'character', 'reserved']);
});
