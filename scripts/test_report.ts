// What a test run prints.
import type { JobResult, TestResult } from './test_process.ts';

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** With `requireAll` a skipped test is a failed one: where everything must run, a skip hides a hole. */
export function settle(tests: readonly TestResult[], requireAll: boolean): TestResult[] {
  if (!requireAll) return [...tests];
  return tests.map((test) =>
    test.outcome === 'skipped'
      ? {
          ...test,
          outcome: 'failed',
          detail: `skipped, and CAUSEWAY_REQUIRE=all allows none: ${test.detail}`,
        }
      : test,
  );
}

export function count(tests: readonly TestResult[]): Totals {
  const of = (outcome: TestResult['outcome']): number =>
    tests.filter((test) => test.outcome === outcome).length;
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
}

/** The last line of a run; other programs read it. */
export function closingLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * Lines on one finished process: one where all is well and the notes of its tests, else its failures and what it
 * printed, which `showOutput` shows in any case.
 */
export function describeJob(result: JobResult, tests: readonly TestResult[], showOutput = false): string {
  const { job, output, notes, durationMs } = result;
  const failures = tests.filter((test) => test.outcome === 'failed');
  const name = job.files.length === 1 ? job.files[0] : `${job.files[0]} and ${job.files.length - 1} more`;
  const verdict = failures.length > 0 ? 'FAIL' : 'ok  ';
  const head = `${verdict} ${name} (${tests.length} tests, ${(durationMs / 1_000).toFixed(1)} s)`;
  const isShown = output.trim() !== '' && (showOutput || failures.length > 0);
  const printed = isShown ? ['  printed:', indent(output.trim(), 4)] : [];
  const said = notes.map((note) => indent(note, 7));
  return [head, ...said, ...failures.map(describeFailure), ...printed].join('\n');
}

export function describeFailure(test: TestResult): string {
  return test.detail === '' ? `  ${test.name}` : `  ${test.name}\n${indent(test.detail, 4)}`;
}

/** The end of a run: what was skipped and why, what failed, and the closing line. */
export function describeEnd(tests: readonly TestResult[]): string {
  const lines = ['skipped', 'failed'].flatMap((outcome) => {
    const some = tests.filter((test) => test.outcome === outcome);
    if (some.length === 0) return [];
    return [
      '',
      `${outcome}:`,
      ...some.map((test) => `  ${test.file}: ${test.name}${firstLine(test.detail)}`),
    ];
  });
  return [...lines, '', closingLine(count(tests))].join('\n');
}

function firstLine(detail: string): string {
  const line = detail.split('\n').find((one) => one.trim() !== '');
  return line === undefined ? '' : ` (${line.trim().slice(0, 200)})`;
}

function indent(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => ' '.repeat(width) + line)
    .join('\n');
}
