import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { looksMade, makeName, ownName } from './name_code.ts';
import { nameFault } from './name_fault.ts';
import { lengthOf, MACOS_NAMES, POSIX_NAMES, WINDOWS_NAMES } from './name_rules.ts';

test('a made name shows its own name, keeps the extension, and never changes between versions', () => {
  const rows: [name: string, made: string][] = [
    ['a:b.txt', 'a%3Ab~cw'],
    ['readme', 'readme~cw'],
    ['.bashrc', '.bashrc~cw'],
    ['con.tar.gz', '%63on.tar~cw'],
    ['end. ', 'end.%20~cw'],
    ['a.b c', 'a.b c~cw'],
    ['end.', 'end%2E~cw'],
    ['100% <sure>', '100%25 %3Csure%3E~cw'],
    ['tab\there', 'tab%09here~cw'],
  ];
  for (const [name, start] of rows)
    assert.ok(makeName(name, WINDOWS_NAMES).startsWith(start), makeName(name, WINDOWS_NAMES));
  assert.equal(makeName('a:b.txt', WINDOWS_NAMES), 'a%3Ab~cw7a54e99a.txt');
  assert.equal(makeName('README', POSIX_NAMES, 16), 'README~cw61feb06961b9b6b9');
});

const PIECES = [
  'a',
  'B',
  'ß',
  'ü',
  'u\u0308',
  '数',
  '🚚',
  '.',
  ' ',
  '%',
  '%41',
  ':',
  '?',
  '\\',
  '\n',
  '~cw',
  '~cws',
  '0123abcd',
  'con',
  'NUL',
  'x'.repeat(200),
];

test('every made name fits the destination, and leads back to its own', (t) => {
  const { seed, random } = seededChance();
  t.diagnostic(`SEED=${seed}`);
  let cuts = 0;
  for (let round = 0; round < 8_000; round += 1) {
    const rules = [POSIX_NAMES, WINDOWS_NAMES, MACOS_NAMES][round % 3]!;
    let name = '';
    for (let count = 1 + random() * 6; count > 0; count -= 1)
      name += PIECES[Math.floor(random() * PIECES.length)];
    const made = makeName(name, rules, round % 2 === 0 ? 8 : 32);
    const shown = `SEED=${seed} ${JSON.stringify(name)} ${JSON.stringify(made)}`;
    assert.equal(nameFault(made, rules), null, shown);
    assert.ok(lengthOf(made, rules) <= rules.maxLength, shown);
    assert.ok(looksMade(made), shown);
    assert.ok(made.isWellFormed(), shown);
    if (/~cws[0-9a-f]{16}(?:\.\w+)?$/su.test(made)) {
      cuts += 1;
      assert.equal(ownName(made), null, shown);
    } else assert.equal(ownName(made), name, shown);
    // a made name as an own name is told apart by being made itself
    const twice = makeName(made, rules, 8);
    assert.ok(twice !== made, shown);
  }
  assert.ok(cuts > 50);
});

test('names that only look made are their own', () => {
  for (const name of [
    'a~cw01234567',
    'a~cw0123456789abcdef.txt',
    'a%3Ab~cw00000000',
    '~cw',
    'a~cwxyz',
    'plain',
    '',
  ])
    assert.equal(ownName(name), null, name);
  const made = makeName('a:b', WINDOWS_NAMES);
  assert.equal(ownName(made.replace('%3A', '%3B')), null);
  assert.equal(ownName(made.replace('%3A', '%zz')), null);
  assert.equal(ownName(made.replace('%3A', '%FF')), null);
  assert.ok(!looksMade('a~cws0123'));
  assert.ok(looksMade('a~cws0123456789abcdef.txt'), 'a cut name cannot be told apart');
});
