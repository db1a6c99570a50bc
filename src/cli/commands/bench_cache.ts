import { CausewayError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import { S3Fifo } from '../../cache/eviction/s3_fifo.ts';
import { POLICIES } from '../../cache/simulator/policies.ts';
import { gainOf, type PredictedOutcome, simulatePredicted } from '../../cache/simulator/predicted.ts';
import { type Cell, compare, meanOf } from '../../cache/simulator/simulate.ts';
import { TRACES } from '../../cache/traces/all.ts';
import { createNodeWorld } from '../../world/node/world.ts';
import { parseCount } from '../option_numbers.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';

const SIZES: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.4];
const BLOCK_BYTES = 64 * 1024;

interface BenchCell extends Cell {
  /** S3-FIFO with prediction. */
  readonly predicted: PredictedOutcome;
}

/** `causeway bench cache` */
export const benchCache: Action = async (context, args, options) => {
  if (options['modes'] === true) return (await import('./bench_modes.ts')).benchModes(context, args, options);
  refuseWithoutModes(options);
  const { terminal, json } = context;
  const names = namesOf(options['trace']);
  const sizes = sizesOf(options['size']);
  const accesses = parseCount(String(options['accesses'] ?? 30_000), '--accesses', 1_000_000, 1_000);
  const seed = parseCount(String(options['seed'] ?? 1), '--seed', 1_000_000_000);
  const { clock } = createNodeWorld();
  const cells: BenchCell[] = [];
  if (!json) terminal.out(`${headText(seed, accesses)}\n`);
  for (const name of names) {
    const trace = TRACES[name]!({ seed, blockBytes: BLOCK_BYTES, accesses });
    const before = cells.length;
    for (const cell of compare(trace, sizes)) {
      const { capacityBytes } = cell;
      const predicted = simulatePredicted(trace, new S3Fifo(capacityBytes), capacityBytes);
      cells.push({ ...cell, trace: name, predicted });
      await clock.sleep(0); // a Ctrl-C is heard here
      if (terminal.interrupted.aborted) return 130;
    }
    if (!json) terminal.out(`${cellsText(cells.slice(before), before === 0)}\n`);
  }
  const means = meanOf(cells);
  const prediction = gainOf(cells.map(({ predicted }) => predicted));
  terminal.out(
    json ? `${JSON.stringify({ seed, accesses, cells, means, prediction })}\n` : `${meanText(cells)}\n`,
  );
  return 0;
};

function refuseWithoutModes(options: Readonly<Record<string, unknown>>): void {
  for (const name of ['loadSize', 'cacheSize', 'delay', 'dir'])
    if (options[name] !== undefined)
      throw new CausewayError('CW_USAGE', `--${name.replace('S', '-s')} is for --modes: add it`);
}

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
const HEAD = ['TRACE', 'CACHE', 'BYTES', ...NAMES, 'predicting', 'right', 'wasted'].map((name) =>
  name.toUpperCase(),
);
const WIDTHS = HEAD.map((name, at) => Math.max([10, 6, 9][at] ?? 6, name.length));

function headText(seed: number, accesses: number): string {
  return `simulated: traces of about ${accesses} accesses, seed ${seed}; hits in percent of all accesses.
predicting: S3-FIFO, with predicted blocks fetched early; right: predicted bytes that were used; wasted: fetched in vain, of all fetched bytes`;
}

function row(columns: readonly string[]): string {
  return table([columns.map((column, at) => column.padEnd(WIDTHS[at]!))]).trimEnd();
}

function cellsText(cells: readonly BenchCell[], withHead: boolean): string {
  const rows = cells.map((cell) => {
    const size = `${Number((cell.size * 100).toFixed(1))} %`;
    return row([cell.trace, size, formatBytes(cell.capacityBytes), ...ratesText([cell])]);
  });
  return (withHead ? [row(HEAD), ...rows] : rows).join('\n');
}

function meanText(cells: readonly BenchCell[]): string {
  return row(['mean', '', '', ...ratesText(cells)]);
}

function ratesText(cells: readonly BenchCell[]): string[] {
  const [means, { hitRate, precision, waste }] = [
    meanOf(cells),
    gainOf(cells.map(({ predicted }) => predicted)),
  ];
  const rates = [...NAMES.map((name) => means[name] ?? 0), hitRate, precision, waste];
  return rates.map((rate) => (rate * 100).toFixed(1));
}
