import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { generatedDocuments, readable } from '../../scripts/gen-docs.ts';
import { findTests } from '../../scripts/test_jobs.ts';
import { ERROR_CODES } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { isTypeScript, listPaths, ROOT, readJson, readTexts, type SourceFile } from './repository.ts';
import { checkSizes, measure, type Ratchet } from './size_rules.ts';
import { checkPaths, checkSame, checkWords, tableKeys } from './text_rules.ts';

function none(problems: readonly string[]): void {
  if (problems.length > 0) assert.fail(`\n${problems.join('\n')}`);
}

const readText = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('the repository', () => {
  const paths = listPaths();
  const texts = readTexts(paths);

  it('keeps files, functions and interfaces small', () => {
    const sources = texts.filter((file) => isTypeScript(file.path));
    none(checkSizes(sources, readJson<Ratchet>('test/tidy/ratchet.json')));
  });

  it('has no folder for odds and ends', () => none(checkPaths(paths)));

  it('runs every test file it holds', () => {
    const found = new Set(findTests(ROOT));
    const holds = paths.filter((path) => /\.test\.[mc]?[jt]sx?$/.test(path));
    none(holds.filter((path) => !found.has(path)).map((path) => `${path} is not run by npm test`));
  });

  it('holds no mark of unfinished work and no path of a machine', () => none(checkWords(texts, ROOT)));

  it('documents every limit, and no other', () => {
    const code = { where: 'src/base/limits.ts', names: Object.keys(LIMITS) };
    const document = { where: 'docs/limits.md', names: tableKeys(readText('docs/limits.md')) };
    none(checkSame('limit', code, document));
  });

  it('documents every error, and no other', () => {
    const code = { where: 'src/base/errors.ts', names: Object.keys(ERROR_CODES) };
    const document = { where: 'docs/errors.md', names: tableKeys(readText('docs/errors.md')) };
    none(checkSame('error', code, document));
  });

  it('has its generated documents up to date (npm run docs writes them)', () => {
    const stale = [...generatedDocuments()].filter(([path, text]) => readText(path) !== text);
    none(stale.map(([path]) => `${path} is not what its registry says: npm run docs`));
  });
});

const file = (path: string, text: string): SourceFile => ({ path, text });
const NO_EXCEPTIONS: Ratchet = { files: {}, functions: {}, interfaces: {} };

/** A function of exactly `lines` lines. */
const functionOf = (lines: number, head = 'export function long(): void {'): string =>
  [head, ...Array.from({ length: lines - 2 }, () => '  f();'), '}'].join('\n');

describe('the size rule', () => {
  it('accepts what is at the limit and rejects one more', () => {
    const lines = (count: number): SourceFile => file('src/a.ts', 'f();\n'.repeat(count));
    assert.deepEqual(checkSizes([lines(500)], NO_EXCEPTIONS), []);
    assert.deepEqual(checkSizes([lines(501)], NO_EXCEPTIONS), ['src/a.ts: 501 lines, at most 500: split it']);
    assert.deepEqual(checkSizes([file('src/a.ts', functionOf(70))], NO_EXCEPTIONS), []);
    assert.deepEqual(checkSizes([file('src/a.ts', functionOf(71))], NO_EXCEPTIONS), [
      'src/a.ts#long: 71 lines, at most 70: split it',
    ]);
  });

  it('counts the members of an interface with behaviour, and not the fields of a record', () => {
    const fields = 'a: 1; b: 1; c: 1; d: 1; e: 1; f: 1; g: 1; h: 1;';
    const behaves = file('src/a.ts', `interface Wide { ${fields} run(): void }`);
    assert.deepEqual(checkSizes([behaves], NO_EXCEPTIONS), ['src/a.ts#Wide: 9 members, at most 8: split it']);
    const calls = file('src/a.ts', `interface Wide { ${fields} readonly run: () => void }`);
    assert.equal(checkSizes([calls], NO_EXCEPTIONS).length, 1);
    assert.deepEqual(checkSizes([file('src/a.ts', `interface Data { ${fields} i: 1 }`)], NO_EXCEPTIONS), []);
  });

  it('names functions by where they stand', () => {
    const text = [
      'class Store { put() { return 1; } #get = () => 2; }',
      'const arrow = () => 1;',
      'const record = { method() { return 1; } };',
      `on('close', () => 1);`,
    ].join('\n');
    const names = [...measure(file('src/a.ts', text)).functions.keys()].map((key) =>
      key.split('#').slice(1).join('#'),
    );
    assert.deepEqual(names, ['Store.put', 'Store.get', 'arrow', 'method', 'on close callback']);
  });

  it('counts a test, and not what holds tests', () => {
    const body = [...Array.from({ length: 45 }, () => `  it('x', () => {\n  });`), '}'].join('\n');
    const problems = (path: string, text: string): string[] => checkSizes([file(path, text)], NO_EXCEPTIONS);
    for (const head of [`describe('x', () => {\n`, `export function bigSuite() {\n`]) {
      const text = `${head}${body}${head.startsWith('describe') ? ')' : ''}`;
      assert.deepEqual(problems('src/a.test.ts', text), []);
      assert.deepEqual(problems('test/conformance/a.suite.ts', text), []);
      assert.equal(problems('src/a.ts', text).length, 1);
    }
    // A describe whose tests are defined by a function of the file's own.
    const wrapped = functionOf(90, `describe('x', () => {`).concat(');');
    assert.deepEqual(problems('test/conformance/a.suite.ts', wrapped), []);
    const single = functionOf(90, `it('x', () => {`).concat(');');
    assert.equal(problems('src/a.test.ts', single).length, 1);
  });

  it('lets an exception only shrink', () => {
    const ratchet: Ratchet = { ...NO_EXCEPTIONS, functions: { 'src/a.ts#long': 90 } };
    const at = (lines: number): string[] => checkSizes([file('src/a.ts', functionOf(lines))], ratchet);
    assert.deepEqual(at(90), []);
    assert.deepEqual(at(91), ['src/a.ts#long: 91 lines, at most 90: split it']);
    assert.deepEqual(at(80), ['ratchet.json: src/a.ts#long has 80 now: lower it from 90']);
    assert.deepEqual(at(70), ['ratchet.json: src/a.ts#long needs no exception any more: remove it']);
    assert.deepEqual(checkSizes([], ratchet), [
      'ratchet.json: src/a.ts#long needs no exception any more: remove it',
    ]);
  });
});

describe('the text rules', () => {
  const words = (text: string): string[] => checkWords([file('src/a.ts', text)], '/srv/checkout');

  it('finds marks of unfinished work', () => {
    for (const mark of [
      `// ${'TO'}DO: later`,
      `# ${'FIX'}ME`,
      `/* ${'XX'}X */`,
      `${'HA'}CK`,
      `Not ${'implemented'}`,
    ]) {
      assert.equal(words(`ok\n${mark}\n`).length, 1, mark);
    }
    assert.deepEqual(words('mktemp /tmp/causeway.XXXXXX; HACKING; todo: lower case is a word'), []);
  });

  it('finds paths of a machine', () => {
    for (const path of [
      `'${'/wo'}rk/main'`,
      ` ${'/ho'}me/carol/x`,
      `"${'/Us'}ers/carol"`,
      '/srv/checkout/src/a.ts',
    ]) {
      assert.equal(words(`const p = ${path}`).length, 1, path);
    }
    assert.deepEqual(words('see https://example.org/work/main, ~/work/main and dir/work/x, /home/me/x'), []);
  });

  it('says the line', () => assert.match(words(`\n\n${'TO'}DO`)[0]!, /^src\/a\.ts:3 /));

  it('finds folders named for nothing', () => {
    const bad = ['src/utils/a.ts', 'src/link/helpers/a.ts', 'test/common/x.ts', 'src/util/a.ts'];
    assert.equal(checkPaths(bad).length, bad.length);
    assert.deepEqual(checkPaths(['src/base/utils.ts', 'src/commonplace/a.ts']), []);
  });
});

describe('the registry rule', () => {
  it('finds what only one side has', () => {
    const problems = checkSame(
      'limit',
      { where: 'code', names: ['a', 'b'] },
      { where: 'doc', names: ['b', 'c'] },
    );
    assert.deepEqual(problems, ['limit a is in code and not in doc', 'limit c is in doc and not in code']);
  });

  it('reads the first cells of tables', () => {
    assert.deepEqual(tableKeys('| name | value |\n| --- | --- |\n| `a` | 1 |\n| `b` | `c` |\n'), ['a', 'b']);
  });

  it('prints values in the largest unit that holds them', () => {
    assert.equal(readable({ value: 4 * 1024 ** 2, unit: 'bytes' }), '4 MiB');
    assert.equal(readable({ value: 1536, unit: 'bytes' }), '1 536 bytes');
    assert.equal(readable({ value: 900_000, unit: 'ms' }), '15 min');
    assert.equal(readable({ value: 1_500, unit: 'ms' }), '1 500 ms');
    assert.equal(readable({ value: 10_000_000, unit: 'count' }), '10 000 000');
    assert.equal(readable({ value: 0, unit: 'bytes' }), '0');
  });
});
