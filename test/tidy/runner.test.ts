import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { planJobs, select } from '../../scripts/test_jobs.ts';
import { type JobResult, runJob, type TestResult } from '../../scripts/test_process.ts';
import { closingLine, count, describeEnd, settle } from '../../scripts/test_report.ts';

/** Longer than any of the made-up files takes; those that hang get their own. */
const AMPLE_MS = 60_000;

describe('the test runner', () => {
  let root = '';
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'causeway-runner-'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  const run = (text: string, timeoutMs = AMPLE_MS): Promise<JobResult> => {
    writeFileSync(join(root, 'a.test.ts'), `import { describe, it, test } from 'node:test';\n${text}`);
    return runJob({ files: ['a.test.ts'], timeoutMs }, root);
  };
  const outcomes = (tests: readonly TestResult[]): string[] =>
    tests.map((one) => `${one.outcome} ${one.name}`);

  it('counts tests and not suites, by their full names', async () => {
    const { tests } = await run(
      `describe('a', () => { it('b', () => {}); it('c', () => {}); }); test('d', () => {});`,
    );
    assert.deepEqual(outcomes(tests), ['passed a > b', 'passed a > c', 'passed d']);
    assert.equal(tests[0]?.file, 'a.test.ts');
  });

  it('keeps why a test failed, and what the file printed', async () => {
    const { tests, output } = await run(
      `console.log('seed 42'); test('a', () => { throw new Error('broken'); });`,
    );
    assert.deepEqual(outcomes(tests), ['failed a']);
    assert.match(tests[0]!.detail, /Error: broken\n\s+at .*a\.test\.ts:2/);
    assert.match(output, /seed 42/);
  });

  it('keeps the reason of a skip, of a whole suite too', async () => {
    const { tests } = await run(
      `test('a', { skip: 'no tool x' }, () => {}); test('b', (t) => t.skip('no root'));
       describe('c', { skip: 'no kernel' }, () => { it('d', () => {}); }); test('e', { todo: true }, () => {});`,
    );
    assert.deepEqual(
      tests.map((one) => [one.outcome, one.detail]),
      [
        ['skipped', 'no tool x'],
        ['skipped', 'no root'],
        ['skipped', 'no kernel'],
        ['skipped', 'planned'],
      ],
    );
  });

  it('counts a test that fails in a part of it, although it then skips', async () => {
    const { tests } = await run(
      `test('a', async (t) => { await t.test('b', () => { throw new Error('x'); }).catch(() => {}); t.skip('late'); });`,
    );
    assert.deepEqual(outcomes(tests), ['failed a > b', 'failed a']);
  });

  it('keeps what a test says of its run', async () => {
    const { notes } = await run(`test('a', (t) => t.diagnostic('212 of 300 kills hit a copy'));`);
    assert.deepEqual(notes, ['212 of 300 kills hit a copy']);
  });

  it('fails a file that ends before its tests do', async () => {
    const { tests } = await run(`test('a', () => {}); test('b', () => process.exit(0));`);
    assert.equal(tests.at(-1)?.outcome, 'failed');
    assert.match(tests.at(-1)!.detail, /exit code 0 before its tests had ended/);
  });

  it('fails a file that cannot be loaded, or is killed', async () => {
    const broken = await run(`import './missing.ts';`);
    assert.equal(count(broken.tests).failed, 1);
    assert.match(broken.output, /missing\.ts/);
    const killed = await run(`test('a', () => process.kill(process.pid, 'SIGKILL'));`);
    assert.match(killed.tests.at(-1)!.detail, /ended by SIGKILL/);
  });

  it('fails a file without a test', async () => {
    assert.deepEqual(outcomes((await run(`describe('a', () => {});`)).tests), ['failed (no test)']);
    assert.deepEqual(outcomes((await run('export {};')).tests), ['failed (process)']);
  });

  it('fails a file that leaves something open, at its time limit', async () => {
    const { tests } = await run(`test('a', () => { setInterval(() => {}, 1_000); });`, 3_000);
    assert.deepEqual(outcomes(tests), ['passed a', 'failed (time limit)']);
    assert.match(tests[1]!.detail, /Last test that ended: a\./);
  });

  it('fails a file that leaves a process behind, and ends that', {
    skip: process.platform !== 'linux',
  }, async () => {
    const { tests } = await run(
      `import { spawn } from 'node:child_process';
       test('a', () => { spawn('sleep', ['612.5'], { stdio: 'ignore' }).unref(); });`,
    );
    assert.deepEqual(outcomes(tests), ['passed a', 'failed (left behind)']);
    assert.match(tests[1]!.detail, /sleep 612\.5/);
  });

  it('runs the files of the lab in one process', async () => {
    for (const name of ['x', 'y']) {
      const text = `import { test } from 'node:test';
        globalThis.seen = [...(globalThis.seen ?? []), '${name}'];
        test('${name}', (t) => t.diagnostic(globalThis.seen.join()));`;
      writeFileSync(join(root, `${name}.test.ts`), text);
    }
    const result = await runJob({ files: ['x.test.ts', 'y.test.ts'], timeoutMs: AMPLE_MS }, root);
    assert.deepEqual(
      result.tests.map((one) => [one.outcome, one.file, one.name]),
      [
        ['passed', 'x.test.ts', 'x'],
        ['passed', 'y.test.ts', 'y'],
      ],
    );
    assert.deepEqual(result.notes, ['x,y', 'x,y']);
  });
});

describe('the plan of a run', () => {
  it('gives a file a process of its own, and the lab one together, last', () => {
    const { parallel, alone } = planJobs(['src/a.test.ts', 'test/lab/a.test.ts', 'test/lab/b.test.ts']);
    assert.deepEqual(
      parallel.map((job) => job.files),
      [['src/a.test.ts']],
    );
    assert.deepEqual(
      alone.map((job) => job.files),
      [['test/lab/a.test.ts', 'test/lab/b.test.ts']],
    );
  });

  it('selects by part of the path or by pattern', () => {
    const files = ['src/wire/a.test.ts', 'src/link/a.test.ts', 'test/sim/a.test.ts'];
    assert.deepEqual(select(files, []), files);
    assert.deepEqual(select(files, ['wire']), ['src/wire/a.test.ts']);
    assert.deepEqual(select(files, ['./src/link/a.test.ts', 'sim/']), files.slice(1));
    assert.deepEqual(select(files, ['^src/']), files.slice(0, 2));
    assert.deepEqual(select(files, ['[']), []);
  });
});

describe('the end of a run', () => {
  const tests: TestResult[] = [
    { outcome: 'passed', file: 'a.test.ts', name: 'a', detail: '' },
    { outcome: 'skipped', file: 'a.test.ts', name: 'b', detail: 'no KVM' },
  ];

  it('closes with the totals', () => {
    assert.equal(closingLine(count(tests)), '1 passed, 0 failed, 1 skipped');
    assert.equal(describeEnd(tests).split('\n').at(-1), '1 passed, 0 failed, 1 skipped');
    assert.match(describeEnd(tests), /a\.test\.ts: b \(no KVM\)/);
  });

  it('counts a skip as a failure where everything is required, with its reason', () => {
    const settled = settle(tests, true);
    assert.equal(closingLine(count(settled)), '1 passed, 1 failed, 0 skipped');
    assert.match(
      describeEnd(settled),
      /a\.test\.ts: b \(skipped, and CAUSEWAY_REQUIRE=all allows none: no KVM\)/,
    );
    assert.deepEqual(settle(tests, false), tests);
  });
});
