import { CausewayError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import { POLICIES } from '../../cache/simulator/policies.ts';
import { type Cell, compare, meanOf } from '../../cache/simulator/simulate.ts';
import { TRACES } from '../../cache/traces/all.ts';
import { createNodeWorld } from '../../world/node/world.ts';
import { parseCount } from '../option_numbers.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';

const SIZES: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.4];
const BLOCK_BYTES = 64 * 1024;

/** `causeway bench cache` */
export const benchCache: Action = async ({ terminal, json }, _args, options) => {
  const names = namesOf(options['trace']);
  const sizes = sizesOf(options['size']);
  const accesses = parseCount(String(options['accesses'] ?? 30_000), '--accesses', 1_000_000, 1_000);
  const seed = parseCount(String(options['seed'] ?? 1), '--seed', 1_000_000_000);
  const { clock } = createNodeWorld();
  const cells: Cell[] = [];
  if (!json) terminal.out(`${headText(seed, accesses)}\n`);
  for (const name of names) {
    const trace = TRACES[name]!({ seed, blockBytes: BLOCK_BYTES, accesses });
    const before = cells.length;
    for (const cell of compare(trace, sizes)) {
      cells.push({ ...cell, trace: name });
      await clock.sleep(0); // a Ctrl-C is heard here
      if (terminal.interrupted.aborted) return 130;
    }
    if (!json) terminal.out(`${cellsText(cells.slice(before), before === 0)}\n`);
  }
  const means = meanOf(cells);
  terminal.out(json ? `${JSON.stringify({ seed, accesses, cells, means })}\n` : `${meanText(means)}\n`);
  return 0;
};

function namesOf(given: unknown): readonly string[] {
  const names = (given as readonly string[] | undefined) ?? Object.keys(TRACES);
  for (const name of names)
    if (!Object.hasOwn(TRACES, name))
      throw new CausewayError(
        'CW_USAGE',
        `--trace ${name}: one of ${Object.keys(TRACES).join(', ')} is needed`,
      );
  return names;
}

function sizesOf(given: unknown): readonly number[] {
  return ((given as readonly string[] | undefined) ?? SIZES.map((size) => String(size * 100))).map((text) => {
    const percent = Number(text);
    if (percent >= 0.1 && percent <= 100) return percent / 100;
    throw new CausewayError('CW_USAGE', `--size ${text}: a number from 0.1 to 100 is needed`);
  });
}

const NAMES = Object.keys(POLICIES);
const WIDTHS = [10, 6, 10, ...NAMES.map((name) => Math.max(6, name.length))];

function headText(seed: number, accesses: number): string {
  return `simulated: traces of about ${accesses} accesses, seed ${seed}; hits in percent of all accesses`;
}

function row(columns: readonly string[]): string[] {
  return columns.map((column, at) => column.padEnd(WIDTHS[at]!));
}

function cellsText(cells: readonly Cell[], withHead: boolean): string {
  const rows = cells.map(({ trace, size, capacityBytes, hitRates }) =>
    row([trace, `${Number((size * 100).toFixed(1))} %`, formatBytes(capacityBytes), ...ratesText(hitRates)]),
  );
  const head = row(['TRACE', 'CACHE', 'BYTES', ...NAMES.map((name) => name.toUpperCase())]);
  return table(withHead ? [head, ...rows] : rows).replace(/ +$/gm, '');
}

function meanText(means: Readonly<Record<string, number>>): string {
  return row(['mean', '', '', ...ratesText(means)])
    .join('  ')
    .trimEnd();
}

function ratesText(rates: Readonly<Record<string, number>>): string[] {
  return NAMES.map((name) => ((rates[name] ?? 0) * 100).toFixed(1));
}
