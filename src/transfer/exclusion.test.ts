import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { Exclusion } from './exclusion.ts';

const FILES = [
  'a.o',
  'A.O',
  'src/a.o',
  'src/keep.o',
  'build/out',
  'src/build/out',
  'src/build.txt',
  'doc/x/y/z.tmp',
  'name with space ',
  '#hash',
  '!bang',
  '[x]',
  'x',
];

describe('Exclusion', () => {
  const patterns = [
    '*.o',
    '!keep.o',
    '/build/',
    'doc/**/z.*',
    '\\#hash',
    '\\!bang',
    '\\[x\\]',
    '# a comment',
    '',
  ];

  it('passes over what git ignores', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-ignore-'));
    t.after(() => rmSync(folder, { recursive: true }));
    for (const path of FILES) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), '');
    }
    writeFileSync(join(folder, '.gitignore'), patterns.join('\n'));
    const git = (...args: string[]) => execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8' });
    git('init', '-q');
    const left = git('ls-files', '-z', '--others', '--exclude-standard').split('\0').filter(Boolean);
    const exclusion = new Exclusion(patterns);
    const isLeft = (path: string): boolean =>
      path.split('/').every((_, at, names) => {
        const isFolder = at < names.length - 1;
        return !exclusion.excludes(names.slice(0, at + 1).join('/'), isFolder);
      });
    assert.deepEqual(
      FILES.filter(isLeft).toSorted(),
      left.filter((path) => path !== '.gitignore').toSorted(),
    );
  });

  it('is none without patterns, and never the source itself', () => {
    assert.equal(Exclusion.of([]), null);
    assert.equal(Exclusion.of(undefined), null);
    assert.equal(new Exclusion(['*']).excludes('', true), false);
  });
});
