import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  checkCycles,
  checkExceptions,
  checkGlobals,
  checkImports,
  checkPackages,
  type DependencyTable,
} from './import_rules.ts';
import { isTypeScript, listPaths, readJson, readTexts, type SourceFile } from './repository.ts';

/** Fails with one problem a line: an array difference would hide the message among brackets. */
function none(problems: readonly string[]): void {
  if (problems.length > 0) assert.fail(`\n${problems.join('\n')}`);
}

describe('the repository', () => {
  const table = readJson<DependencyTable>('deps.json');
  const files = readTexts(listPaths().filter(isTypeScript));
  const { dependencies } = readJson<{ dependencies: Record<string, string> }>('package.json');

  it('holds sources', () => assert.ok(files.filter((file) => file.path.startsWith('src/')).length > 10));
  it('imports downwards only', () => none(checkImports(files, table)));
  it('takes time, chance and processes from the World', () => none(checkGlobals(files, table)));
  it('has no import cycle', () => none(checkCycles(files)));
  it('needs each exception of deps.json', () => none(checkExceptions(files, table)));
  it('uses the packages it lists', () => none(checkPackages(files, Object.keys(dependencies), table)));
});

const TABLE: DependencyTable = {
  folders: {
    'src/base': { rank: 0 },
    'src/world': { rank: 1 },
    'src/world/node': { rank: 1, siblings: ['src/world'], usedBy: ['src/host'] },
    'src/wire': { rank: 2 },
    'src/contract': { rank: 2 },
    'src/host': { rank: 7 },
    'src/cli': { rank: 7, siblings: ['src/host'] },
    'src/console': { rank: 7, only: ['src/contract'] },
  },
  packages: { commander: { folders: ['src/cli'], why: 'command line' } },
  outsideWorld: { files: { 'src/cli/main.ts': { allow: ['process', 'node:module'], why: 'entry point' } } },
};

const file = (path: string, text: string): SourceFile => ({ path, text });

/** The problems of one made-up file, each cut to its first words. */
const importProblems = (path: string, text: string): string[] => checkImports([file(path, text)], TABLE);
const globalProblems = (path: string, text: string): string[] => checkGlobals([file(path, text)], TABLE);

describe('the import rule', () => {
  const accepted: [string, string][] = [
    ['src/wire/a.ts', `import { x } from '../base/b.ts';`],
    ['src/wire/a.ts', `import { x } from './b.ts';`],
    ['src/world/node/a.ts', `import type { World } from '../world.ts'; import fs from 'node:fs';`],
    ['src/host/a.ts', `import { nodeWorld } from '../world/node/world.ts';`],
    ['src/cli/a.ts', `import { Command } from 'commander'; const host = await import('../host/main.ts');`],
    ['src/cli/main.ts', `import { enableCompileCache } from 'node:module';`],
    ['src/console/a.tsx', `import { x } from '../contract/b.ts';`],
    ['src/wire/a.test.ts', `import fs from 'node:fs'; import { x } from '../host/b.ts';`],
  ];
  for (const [path, text] of accepted) {
    it(`accepts ${path}: ${text}`, () => assert.deepEqual(importProblems(path, text), []));
  }

  const rejected: [string, string, RegExp][] = [
    [
      'src/base/a.ts',
      `import { x } from '../wire/b.ts';`,
      /src\/base \(rank 0\) may not import src\/wire \(rank 2\)/,
    ],
    ['src/wire/a.ts', `import type { X } from '../contract/b.ts';`, /may not import src\/contract/],
    ['src/wire/a.ts', `export * from '../contract/b.ts';`, /may not import src\/contract/],
    ['src/wire/a.ts', `export { x } from '../host/b.ts';`, /may not import src\/host/],
    ['src/wire/a.ts', `const x = await import('../host/b.ts');`, /may not import src\/host/],
    ['src/wire/a.ts', `type X = import('../host/b.ts').X;`, /may not import src\/host/],
    ['src/wire/a.ts', `new Worker(new URL('../host/b.ts', import.meta.url));`, /may not import src\/host/],
    ['src/host/a.ts', `import { x } from '../cli/b.ts';`, /may not import src\/cli/],
    [
      'src/wire/a.ts',
      `import { w } from '../world/node/w.ts';`,
      /only src\/host may import src\/world\/node/,
    ],
    ['src/cli/a.ts', `import { w } from '../world/node/w.ts';`, /only src\/host may import/],
    ['src/wire/a.ts', `import fs from 'node:fs';`, /imports node:fs/],
    ['src/wire/a.ts', `import { join } from 'path';`, /imports path/],
    ['src/wire/a.ts', `const fs = await import('node:fs/promises');`, /imports node:fs\/promises/],
    ['src/cli/main.ts', `import fs from 'node:fs';`, /imports node:fs/],
    ['src/host/a.ts', `import { Command } from 'commander';`, /the package commander: src\/cli may/],
    ['src/host/a.ts', `import x from '@scope/name/deep';`, /the package @scope\/name: nobody may/],
    ['src/host/a.ts', `import x from '../../test/sim/run.ts';`, /outside src/],
    ['src/host/a.ts', `import x from '../../bench/main.ts';`, /outside src/],
    ['src/host/a.ts', `import x from './b.test.ts';`, /imports the test/],
    ['src/host/a.ts', `const x = await import(name);`, /computed name/],
    ['src/console/a.tsx', `import x from '../host/b.ts';`, /src\/console may import only src\/contract/],
    ['src/console/a.tsx', `import x from '../wire/b.ts';`, /src\/console may import only src\/contract/],
    ['src/fresh/a.ts', `export {};`, /folder is not in deps\.json/],
    ['src/host/a.ts', `import x from '../fresh/a.ts';`, /folder is not in deps\.json/],
  ];
  for (const [path, text, expected] of rejected) {
    it(`rejects ${path}: ${text}`, () => {
      const problems = importProblems(path, text);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0]!, expected);
    });
  }
});

describe('the rule on globals', () => {
  const accepted = [
    `export const at = (world: { process: { pid: number } }) => world.process.pid;`,
    `export function f(process: { pid: number }): number { return process.pid; }`,
    `export const f = ({ process }: { process: number }) => ({ process });`,
    `import { performance } from '../base/p.ts'; export const x = performance;`,
    `export type T = Date; export interface I { process: Date; performance(): void }`,
    `export const o = { Date: 1, setTimeout() {} }; o.setTimeout(); class C { process = 1; }`,
    `export const x = Buffer.alloc(1); export const y = Math.floor(1.5);`,
    `for (const Date of [1]) { f(Date); } function f(n: number) { return n; }`,
    `try { f(); } catch (process) { g(process); } function f() {} function g(x: unknown) { return x; }`,
  ];
  for (const text of accepted) {
    it(`accepts ${text}`, () => assert.deepEqual(globalProblems('src/wire/a.ts', text), []));
  }

  const rejected: [string, string][] = [
    [`const t = Date.now();`, 'Date'],
    [`const t = new Date();`, 'Date'],
    [`const r = Math.random();`, 'Math.random'],
    [`const r = Math['random']();`, 'Math.random'],
    [`setTimeout(() => {}, 1);`, 'setTimeout'],
    [`const later = setInterval;`, 'setInterval'],
    [`await new Promise((r) => setImmediate(r));`, 'setImmediate'],
    [`const t = performance.now();`, 'performance'],
    [`const e = process.env as { A?: string };`, 'process'],
    [`const e = (process satisfies object)!;`, 'process'],
    [`const e = { process };`, 'process'],
    [`const e = globalThis.process;`, 'globalThis'],
    [`const s = AbortSignal.timeout(5);`, 'AbortSignal.timeout'],
    [`const u = crypto.randomUUID();`, 'crypto'],
    [`{ const process = 1; } const p = process;`, 'process'],
    [`function f(process: number) { return process; } f(process.pid);`, 'process'],
  ];
  for (const [text, name] of rejected) {
    it(`rejects ${text}`, () => {
      assert.deepEqual(globalProblems('src/wire/a.ts', text), [
        `src/wire/a.ts:1 uses ${name}: take it from the World`,
      ]);
    });
  }

  it('exempts the World of Node, tests and the files listed', () => {
    const text = `const t = process.hrtime();`;
    for (const path of ['src/world/node/a.ts', 'src/wire/a.test.ts', 'src/cli/main.ts', 'test/x.ts']) {
      assert.deepEqual(globalProblems(path, text), [], path);
    }
    assert.equal(globalProblems('src/cli/main.ts', `Date.now();`).length, 1);
  });

  it('says the line', () => {
    assert.match(globalProblems('src/wire/a.ts', '\n\nDate.now();\n')[0]!, /^src\/wire\/a\.ts:3 /);
  });
});

describe('the cycle rule', () => {
  const cycles = (...files: SourceFile[]): string[] => checkCycles(files);

  it('finds a cycle of two and one of three', () => {
    const two = cycles(file('src/a.ts', `import './b.ts';`), file('src/b.ts', `export { x } from './a.ts';`));
    assert.deepEqual(two, ['import cycle: src/a.ts -> src/b.ts -> src/a.ts']);
    const three = cycles(
      file('src/a.ts', `import { x } from './b.ts';`),
      file('src/b.ts', `import { x } from './c.ts';`),
      file('src/c.ts', `import { x } from './a.ts';`),
    );
    assert.equal(three.length, 1);
  });

  it('finds an inline type import, which loads the module, and a file that imports itself', () => {
    assert.equal(
      cycles(file('src/a.ts', `import { type B } from './b.ts';`), file('src/b.ts', `import './a.ts';`))
        .length,
      1,
    );
    assert.equal(cycles(file('src/a.ts', `import { a } from './a.ts';`)).length, 1);
  });

  it('lets types and later imports go round', () => {
    const types = file('src/a.ts', `import type { B } from './b.ts'; export type { C } from './b.ts';`);
    const later = file('src/a.ts', `const b = await import('./b.ts');`);
    const back = file('src/b.ts', `import { a } from './a.ts';`);
    assert.deepEqual(cycles(types, back), []);
    assert.deepEqual(cycles(later, back), []);
  });
});

describe('the lists of deps.json', () => {
  it('may not hold an exception that nothing uses', () => {
    const unused = checkExceptions([file('src/cli/main.ts', `process.exit();`)], TABLE);
    assert.deepEqual(unused, [
      'deps.json: src/cli/main.ts does not use node:module any more: remove the exception',
    ]);
    assert.deepEqual(checkExceptions([], TABLE), ['deps.json: src/cli/main.ts does not exist']);
  });

  it('agree with package.json and with what is imported', () => {
    const uses = file('src/cli/a.ts', `import { Command } from 'commander';`);
    assert.deepEqual(checkPackages([uses], ['commander'], TABLE), []);
    assert.deepEqual(checkPackages([uses], ['commander', 'other'], TABLE), [
      'package.json: other is not in deps.json',
    ]);
    assert.deepEqual(checkPackages([uses], [], TABLE), ['deps.json: commander is not in package.json']);
    assert.deepEqual(checkPackages([], ['commander'], TABLE), [
      'package.json: nothing in src imports commander: remove it',
    ]);
  });
});
