import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MACOS_NAMES, POSIX_NAMES, sameNameKey, usualNameRules, WINDOWS_NAMES } from './name_rules.ts';

const same = (a: string, b: string): boolean[] =>
  [POSIX_NAMES, WINDOWS_NAMES, MACOS_NAMES].map((rules) => sameNameKey(a, rules) === sameNameKey(b, rules));

test('which names are the same on Linux, Windows and macOS', () => {
  const rows: [a: string, b: string, posix: boolean, windows: boolean, macos: boolean][] = [
    ['readme', 'readme', true, true, true],
    ['README', 'readme', false, true, true],
    ['Grüße', 'GRÜßE', false, true, true],
    ['Grüße', 'Gru\u0308ße', false, false, true],
    ['GRÜSSE', 'gru\u0308ße', false, false, true],
    ['straße', 'STRASSE', false, false, true],
    ['ΣΊΣΥΦΟΣ', 'σίσυφος', false, true, true],
    ['\u212aelvin', 'kelvin', false, true, true],
    ['a', 'b', false, false, false],
    ['数据', '数據', false, false, false],
    ['ab', 'a b', false, false, false],
  ];
  for (const [a, b, ...expected] of rows) assert.deepEqual(same(a, b), expected, `${a} and ${b}`);
});

test('the usual rules follow platform and file system', () => {
  assert.equal(usualNameRules('linux', 'ext4'), POSIX_NAMES);
  assert.equal(usualNameRules('linux', 'vfat'), WINDOWS_NAMES);
  assert.equal(usualNameRules('linux', 'smb2'), WINDOWS_NAMES);
  assert.equal(usualNameRules('win32', '0x0'), WINDOWS_NAMES);
  assert.equal(usualNameRules('darwin', '0x1a'), MACOS_NAMES);
  assert.equal(usualNameRules('linux', 'ntfs3').lengthUnit, 'utf16');
});
