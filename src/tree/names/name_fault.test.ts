import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NameFaultKind, nameFault } from './name_fault.ts';
import { MACOS_NAMES, POSIX_NAMES, WINDOWS_NAMES } from './name_rules.ts';

type Kind = NameFaultKind | null;

test('what each destination refuses of a name', () => {
  const rows: [name: string, posix: Kind, windows: Kind, macos: Kind][] = [
    ['plain.txt', null, null, null],
    ['with space', null, null, null],
    [' leading', null, null, null],
    ['.hidden', null, null, null],
    ['数据 🚚', null, null, null],
    ['a:b', null, 'character', 'character'],
    ['what?', null, 'character', null],
    ['a*b', null, 'character', null],
    ['a"b', null, 'character', null],
    ['a<b', null, 'character', null],
    ['a>b', null, 'character', null],
    ['a|b', null, 'character', null],
    ['a\\b', null, 'character', null],
    ['a\nb', null, 'character', null],
    ['a\u0001b', null, 'character', null],
    ['a\u001fb', null, 'character', null],
    ['a\u007fb', null, null, null],
    ['a/b', 'character', 'character', 'character'],
    ['a\0b', 'character', 'character', 'character'],
    ['end.', null, 'ending', null],
    ['end ', null, 'ending', null],
    ['...', null, 'ending', null],
    ['con', null, 'reserved', null],
    ['CON', null, 'reserved', null],
    ['Aux.h', null, 'reserved', null],
    ['nul.tar.gz', null, 'reserved', null],
    ['com1', null, 'reserved', null],
    ['LPT9.log', null, 'reserved', null],
    ['com¹', null, 'reserved', null],
    ['CONIN$', null, 'reserved', null],
    ['con .txt', null, 'reserved', null],
    ['console', null, null, null],
    ['com10', null, null, null],
    ['my.con', null, null, null],
    ['x'.repeat(255), null, null, null],
    ['x'.repeat(256), 'length', 'length', 'length'],
    ['ä'.repeat(128), 'length', null, 'length'],
    ['ä'.repeat(127), null, null, null],
    ['🚚'.repeat(127), 'length', null, 'length'],
    ['🚚'.repeat(128), 'length', 'length', 'length'],
  ];
  for (const [name, ...expected] of rows) {
    const found = [POSIX_NAMES, WINDOWS_NAMES, MACOS_NAMES].map((rules) => nameFault(name, rules));
    assert.deepEqual(
      found.map((fault) => fault?.kind ?? null),
      expected,
      JSON.stringify(name),
    );
    for (const fault of found) assert.notEqual(fault?.why, '');
  }
});
