/** The command line of `bench copy`. Pure. */
import { parseArgs } from 'node:util';

export const USAGE = `bench copy [options]
  --rounds N        interleaved rounds (default 5; 2 with --quick)
  --quick           an eighth of each size; the figures are not for the record
  --only CASE,...   these cases, the optional ones too
  --peers NAME,...  these peers
  --dir DIR         where sources and destinations are (default /dev/shm if memory has room)
  --json FILE       the whole record as JSON
  --docs FILE       the record to update (default docs/benchmarks.md)
  --no-docs         leave the record as it is
  --date TEXT       date of the record (default today, UTC)
  --list            names of cases and peers`;

export interface CopyOptions {
  readonly rounds: number;
  readonly quick: boolean;
  readonly only: readonly string[] | null;
  readonly peers: readonly string[] | null;
  readonly dir: string | undefined;
  readonly json: string | undefined;
  readonly docs: string | undefined;
  readonly noDocs: boolean;
  readonly date: string | undefined;
  readonly list: boolean;
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}

function names(text: string | undefined): string[] | null {
  return text === undefined
    ? null
    : text
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '');
}

const MAX_ROUNDS = 1_000;
/** Rounds below which no figure enters the record. */
export const RECORD_ROUNDS = 5;

/** @throws UsageError for an unknown option or a number out of 1 … 1,000. */
export function parseCopyOptions(args: readonly string[]): CopyOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  let values: Partial<Record<string, string | boolean>>;
  try {
    const options = { rounds: text, only: text, peers: text, dir: text, json: text, docs: text, date: text };
    const flags = { quick: flag, 'no-docs': flag, list: flag };
    values = parseArgs({ args: [...args], options: { ...options, ...flags } }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const string = (name: string) => values[name] as string | undefined;
  const quick = values.quick === true;
  const rounds = Number(string('rounds') ?? (quick ? 2 : RECORD_ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > MAX_ROUNDS) {
    throw new UsageError(`--rounds takes a whole number from 1 to ${MAX_ROUNDS}`);
  }
  return {
    rounds,
    quick,
    only: names(string('only')),
    peers: names(string('peers')),
    dir: string('dir'),
    json: string('json'),
    docs: string('docs'),
    noDocs: values['no-docs'] === true,
    date: string('date'),
    list: values.list === true,
  };
}

/** The named items in the order of `all`. @throws UsageError naming an unknown one and those that exist. */
export function selected<T extends { readonly name: string }>(
  all: readonly T[],
  wanted: readonly string[] | null,
  what: string,
): T[] {
  if (wanted === null) return [...all];
  const known = all.map((item) => item.name);
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new UsageError(`unknown ${what} ${unknown.join(', ')}; there are ${known.join(', ')}`);
  return all.filter((item) => wanted.includes(item.name));
}
