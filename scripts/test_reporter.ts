// Reporter of node:test that writes one JSON line for each test, and one for the end of the run.
import { inspect } from 'node:util';

/** One line. `path` is the names of the suites and the test, outermost first. */
export type TestRecord =
  | {
      readonly kind: 'test';
      readonly outcome: 'passed' | 'failed' | 'skipped';
      readonly path: readonly string[];
      readonly file: string | null;
      /** Why it was skipped, or how it failed; empty where only a test inside it failed. */
      readonly detail: string;
    }
  /** What a test wants to say of its run, passed or not (`t.diagnostic`). */
  | { readonly kind: 'note'; readonly text: string }
  /** Written once, when every test of the process has ended. */
  | { readonly kind: 'end' };

interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name: string;
    readonly message?: string;
    readonly nesting: number;
    readonly file?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: { readonly type?: string; readonly error?: Error & { readonly failureType?: string } };
  };
}

/** The counters that node:test writes as diagnostics at the end. */
const COUNTER = /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names: string[] = [];
  for await (const { type, data } of events) {
    if (type === 'test:start') names.splice(data.nesting, Infinity, data.name);
    const record = toRecord(type, data, [...names.slice(0, data.nesting), data.name]);
    if (record) yield `${JSON.stringify(record)}\n`;
  }
}

function toRecord(type: string, data: TestEvent['data'], path: readonly string[]): TestRecord | null {
  // The run's own summary has no file where several files share the process; with one file it is the only one.
  if (type === 'test:summary') return { kind: 'end' };
  if (type === 'test:diagnostic') {
    return COUNTER.test(data.message ?? '') ? null : { kind: 'note', text: data.message ?? '' };
  }
  if (type !== 'test:pass' && type !== 'test:fail') return null;
  const file = data.file ?? null;
  const isSuite = data.details?.type === 'suite';
  if (type === 'test:fail') {
    const error = data.details?.error;
    const isOwn = error?.failureType !== 'subtestsFailed';
    // A suite fails by itself only in a hook; its tests tell the rest.
    if (isSuite && !isOwn) return null;
    return { kind: 'test', outcome: 'failed', path, file, detail: isOwn ? describeError(error) : '' };
  }
  const reason = skipReason(data);
  if (reason !== null) return { kind: 'test', outcome: 'skipped', path, file, detail: reason };
  return isSuite ? null : { kind: 'test', outcome: 'passed', path, file, detail: '' };
}

/** A test that is only planned proves as little as a skipped one. */
function skipReason({ skip, todo }: TestEvent['data']): string | null {
  if (typeof skip === 'string' && skip !== '') return skip;
  if (skip !== undefined && skip !== false) return 'no reason given';
  if (todo !== undefined && todo !== false) return typeof todo === 'string' ? `planned: ${todo}` : 'planned';
  return null;
}

function describeError(error: (Error & { cause?: unknown }) | undefined): string {
  // node:test wraps what the test threw; its own frames say nothing.
  const thrown = error?.cause ?? error;
  const text = thrown instanceof Error ? inspect(thrown, { depth: 4 }) : String(thrown);
  return text
    .split('\n')
    .filter((line) => !/^\s+at .*\(?node:internal\//.test(line))
    .join('\n');
}
