// Writes the documents that are generated from registries of the code: docs/limits.md, docs/errors.md, docs/explain.md,
// docs/config.md, docs/metrics.md, deploy/grafana/causeway.json, and the table in docs/api.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ErrorSpec } from '../src/base/error_spec.ts';
import { ERROR_CODES } from '../src/base/errors.ts';
import { LIMITS, type Limit } from '../src/base/limits.ts';
import { CAUSE_TEXTS, CAUSES } from '../src/transfer/explain/causes.ts';
import { apiDocument } from './api_docs.ts';
import { configDocument } from './config_docs.ts';
import { grafanaDashboard } from './grafana_dashboard.ts';
import { metricsDocument } from './metrics_docs.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const NEXT_MEANINGS = [
  '- `never`: the same call fails again until something is changed.',
  '- `retry`: the same call may work later.',
  '- `reconnect`: it may work over a new link; Causeway makes one by itself.',
  '- `fatal`: the process cannot go on.',
];

const EXIT_MEANINGS = [
  '| exit | meaning |',
  '| --- | --- |',
  '| 0 | done |',
  '| 1 | failed |',
  '| 2 | usage |',
  '| 3 | partly done; what is missing is listed |',
  '| 4 | refused before the first byte |',
  '| 5 | verification failed |',
  '| 130 | cancelled |',
];

/** Headings of a registry: the comment line above each group of keys in the source. */
function headings(source: string, keys: readonly string[]): Map<string, string> {
  const result = new Map<string, string>();
  let heading = 'general';
  for (const line of source.split('\n')) {
    const comment = /^ {2}\/\/ (?:area: )?(.+)$/.exec(line);
    if (comment) heading = comment[1]!;
    const key = /^ {2}(\w+):/.exec(line)?.[1];
    if (key && keys.includes(key)) result.set(key, heading);
  }
  return result;
}

function sections(source: string, rows: ReadonlyMap<string, string>, tableHead: readonly string[]): string[] {
  const headingOf = headings(source, [...rows.keys()]);
  const groups = Map.groupBy(rows.keys(), (key) => headingOf.get(key) ?? 'other');
  return [...groups].flatMap(([heading, keys]) => [
    `## ${heading.charAt(0).toUpperCase()}${heading.slice(1)}`,
    '',
    ...tableHead,
    ...keys.map((key) => rows.get(key)!),
    '',
  ]);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

const SCALES: Readonly<Record<Limit['unit'], readonly (readonly [number, string])[]>> = {
  bytes: [
    [1024 ** 4, 'TiB'],
    [1024 ** 3, 'GiB'],
    [1024 ** 2, 'MiB'],
    [1024, 'KiB'],
    [1, 'bytes'],
  ],
  ms: [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
    [1, 'ms'],
  ],
  count: [[1, '']],
};

/** The value in the largest unit that holds it without a fraction. */
export function readable({ value, unit }: Pick<Limit, 'value' | 'unit'>): string {
  const [size, name] = SCALES[unit].find(([scale]) => value % scale === 0 && value >= scale) ?? [1, ''];
  const digits = (value / size).toString().replace(/\B(?=(?:\d{3})+$)/g, ' ');
  return `${digits} ${name}`.trim();
}

/** Text of docs/limits.md. */
export function limitsDocument(source: string): string {
  const entries = Object.entries(LIMITS) as [string, Limit][];
  const rows = new Map(
    entries.map(([name, limit]) => [name, `| \`${name}\` | ${readable(limit)} | ${cell(limit.why)} |`]),
  );
  return [
    '# Limits',
    '',
    'Every queue, frame, retry and buffer has a bound with a name. Generated from `src/base/limits.ts` by `npm run docs`.',
    '',
    ...sections(source, rows, ['| name | value | why |', '| --- | --- | --- |']),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

/** Text of docs/errors.md. */
export function errorsDocument(source: string): string {
  const entries = Object.entries(ERROR_CODES) as [string, ErrorSpec][];
  const rows = new Map(
    entries.map(([code, { next, exit, help }]) => [
      code,
      `| \`${code}\` | ${next} | ${exit} | ${cell(help)} |`,
    ]),
  );
  return [
    '# Errors',
    '',
    'Every failure has a code that stays the same between versions, and says what to do. Generated from `src/base/errors.ts` by `npm run docs`.',
    '',
    'What a program may do next:',
    '',
    ...NEXT_MEANINGS,
    '',
    'Exit codes of the command line:',
    '',
    ...EXIT_MEANINGS,
    '',
    ...sections(source, rows, ['| code | next | exit | what to do |', '| --- | --- | --- | --- |']),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

const EXPLAIN_HEAD = [
  '# Why a copy is slow or stands still',
  '',
  '`causeway jobs show ID` names one cause, what was seen that speaks for it, and the one thing to do first; so does the line that `causeway cp` shows while it runs, and `explanation` in `--json`. Generated from `src/transfer/explain/causes.ts` by `npm run docs`.',
  '',
  '`kind` says how bad it is:',
  '',
  `- \`slow\`: bytes move; the cause is what keeps the copy from being faster. The last ${readable({ value: 5_000, unit: 'ms' })} count; after the end, the whole of the last attempt.`,
  '- `waiting`: there is no link to the machine, for less time than a stall takes.',
  `- \`stalled\`: nothing has moved for ${readable(LIMITS.stallAfterMs)}. What moves, however slowly, is never called stalled.`,
  '',
  'Both sides measure themselves: how long each stage works and waits, what the kernel tells of pressure, of threads that are stuck in it and of the TCP connection, and how far the last attempt to connect got. What a side does not know is left out of the judgement. The first cause of this list that fits is named.',
  '',
];

/** Text of docs/explain.md. */
export function explainDocument(): string {
  const sections = CAUSES.flatMap((id) => {
    const { when, cause, evidence, fix } = CAUSE_TEXTS[id];
    return [`## \`${id}\``, '', when, '', `- says: ${cause}`, `- seen: ${evidence}`, `- to do: ${fix}`, ''];
  });
  return [...EXPLAIN_HEAD, ...sections].join('\n').trimEnd().concat('\n');
}

/** Path and text of every generated document. */
export function generatedDocuments(root: string = ROOT): ReadonlyMap<string, string> {
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');
  return new Map([
    ['docs/limits.md', limitsDocument(read('src/base/limits.ts') + read('src/base/service_limits.ts'))],
    ['docs/errors.md', errorsDocument(read('src/base/errors.ts') + read('src/base/service_errors.ts'))],
    ['docs/explain.md', explainDocument()],
    ['docs/config.md', configDocument()],
    ['docs/api.md', apiDocument(read('docs/api.md'))],
    ['docs/metrics.md', metricsDocument()],
    ['deploy/grafana/causeway.json', grafanaDashboard()],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of generatedDocuments()) {
    writeFileSync(join(ROOT, path), text);
    process.stdout.write(`wrote ${path}\n`);
  }
}
