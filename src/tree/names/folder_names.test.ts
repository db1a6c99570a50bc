import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { FolderNames } from './folder_names.ts';
import { ownName } from './name_code.ts';
import { nameFault } from './name_fault.ts';
import { MACOS_NAMES, type NameRules, POSIX_NAMES, sameNameKey, WINDOWS_NAMES } from './name_rules.ts';

const kinds = (
  names: readonly string[],
  rules: NameRules,
  existing: readonly string[] = [],
): (string | null)[] => {
  const folder = new FolderNames(rules, { existing, renames: false });
  return names.map((name) => {
    const { target, fault } = folder.place(name);
    assert.equal(target, name, 'nothing is renamed');
    return fault?.kind ?? null;
  });
};

test('names that are the same at the destination are reported', () => {
  assert.deepEqual(kinds(['README', 'Readme', 'other', 'readme'], WINDOWS_NAMES), [
    null,
    'clash',
    null,
    'clash',
  ]);
  assert.deepEqual(kinds(['README', 'Readme', 'readme'], POSIX_NAMES), [null, null, null]);
  assert.deepEqual(kinds(['Gr\u00fc\u00dfe', 'Gru\u0308\u00dfe'], MACOS_NAMES), [null, 'clash']);
  assert.deepEqual(kinds(['Gr\u00fc\u00dfe', 'Gru\u0308\u00dfe'], WINDOWS_NAMES), [null, null]);
  assert.deepEqual(kinds(['a:b', 'con', 'x'], WINDOWS_NAMES), ['character', 'reserved', null]);
});

test('what the destination has keeps its name', () => {
  assert.deepEqual(kinds(['README', 'readme'], WINDOWS_NAMES, ['readme']), ['clash', null]);
  assert.deepEqual(kinds(['readme'], WINDOWS_NAMES, ['README', 'other']), ['clash']);
  assert.deepEqual(kinds(['readme'], POSIX_NAMES, ['README']), [null]);
  assert.deepEqual(kinds(['con'], WINDOWS_NAMES, ['CON']), ['reserved']);
});

test('the report names the other', () => {
  const folder = new FolderNames(WINDOWS_NAMES, { renames: false });
  folder.place('README');
  assert.match(folder.place('readme').fault!.why, /"README"/);
});

const PIECES = [
  'a',
  'A',
  'b',
  'ß',
  'SS',
  'ü',
  'u\u0308',
  'ü'.toUpperCase(),
  '.',
  ' ',
  ':',
  '%',
  '~cw',
  'con',
  '1',
];

test('renamed entries fit, are told apart, lead back, and get the same name in the next copy', (t) => {
  const { seed, random } = seededChance();
  t.diagnostic(`SEED=${seed}`);
  for (let round = 0; round < 150; round += 1) {
    const rules = [POSIX_NAMES, WINDOWS_NAMES, MACOS_NAMES][round % 3]!;
    const names = new Set<string>();
    for (let count = 0; count < 60; count += 1) {
      let name = '';
      for (let pieces = 1 + random() * 3; pieces > 0; pieces -= 1)
        name += PIECES[Math.floor(random() * PIECES.length)];
      names.add(name);
    }
    const sorted = [...names].sort();
    const placeAll = (existing: Iterable<string>, order: readonly string[]): Map<string, string> => {
      const folder = new FolderNames(rules, { existing, renames: true });
      return new Map(order.map((name) => [name, folder.place(name).target]));
    };
    const first = placeAll([], sorted);
    const keys = new Set([...first.values()].map((target) => sameNameKey(target, rules)));
    assert.equal(keys.size, names.size, `SEED=${seed}: no two are the same`);
    for (const [name, target] of first) {
      assert.equal(nameFault(target, rules), null, `SEED=${seed} ${target}`);
      assert.equal(ownName(target) ?? target, name, `SEED=${seed}`);
    }
    assert.deepEqual(placeAll(first.values(), sorted), first, `SEED=${seed}: the next copy`);
    assert.deepEqual(placeAll(first.values(), sorted.toReversed()), first, `SEED=${seed}: in another order`);
  }
});

test('an entry whose name looks made gets a made one, so that the way back stays exact', () => {
  const folder = new FolderNames(WINDOWS_NAMES, { renames: true });
  const made = folder.place('a:b').target;
  const again = new FolderNames(POSIX_NAMES, { renames: true }).place(made);
  assert.equal(again.fault, null);
  assert.notEqual(again.target, made);
  assert.equal(ownName(again.target), made);
});

test('a destination that tells all names apart has nothing to remember', () => {
  const folder = new FolderNames(POSIX_NAMES, { existing: ['a'], renames: true });
  assert.deepEqual(
    [folder.place('a'), folder.place('A')].map(({ target }) => target),
    ['a', 'A'],
  );
});
