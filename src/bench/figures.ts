import type { LoadOutcome, LoadTask } from '../world/load.ts';

/** What is measured of each share. */
export type FigureName = 'list' | 'clients' | 'random' | 'read' | 'write' | 'create';

/** How much of each is done. */
export interface ShareWork {
  /** Of the files that are written and read in order. */
  readonly sizeBytes: number;
  /** Of the file that is read at random places. */
  readonly randomSizeBytes: number;
  readonly files: number;
  readonly smallBytes: number;
  readonly connections: number;
  /** At random places, and by all clients together. */
  readonly reads: number;
  readonly rounds: number;
}

export interface FigureSpec {
  readonly name: FigureName;
  readonly what: string;
  /** Of what there is more when it is faster. */
  readonly unit: 'MiB/s' | 'files/s' | 'reads/s';
  task(work: ShareWork): LoadTask;
}

export const BIG_FILE = { name: 'big.bin', seed: 11 } as const;
export const RANDOM_FILE = { name: 'random.bin', seed: 13 } as const;
export const SMALL_FOLDER = 'many';
export const WRITTEN = { name: 'written.bin', folder: 'made' } as const;

/** In the order in which they are taken: what a client has not seen yet comes first. */
export const FIGURES: readonly FigureSpec[] = [
  {
    name: 'list',
    what: 'names, sizes and times of a folder',
    unit: 'files/s',
    task: ({ files, smallBytes }) => ({ kind: 'list', folder: SMALL_FOLDER, files, sizeBytes: smallBytes }),
  },
  {
    name: 'clients',
    what: 'small files read in whole by many clients at once',
    unit: 'reads/s',
    task: ({ files, smallBytes, connections, reads }) => ({
      ...{ kind: 'clients', folder: SMALL_FOLDER, files, sizeBytes: smallBytes },
      ...{ connections, reads: Math.max(reads, connections) },
    }),
  },
  {
    name: 'random',
    what: '4 KiB at random places, one read after the other',
    unit: 'reads/s',
    task: ({ randomSizeBytes, reads }) => ({
      ...{ kind: 'random', ...RANDOM_FILE, sizeBytes: randomSizeBytes, reads },
    }),
  },
  {
    name: 'read',
    what: 'one file read in order',
    unit: 'MiB/s',
    task: ({ sizeBytes }) => ({ kind: 'read', name: BIG_FILE.name, sizeBytes }),
  },
  {
    name: 'write',
    what: 'one file written in order, until it is closed or answered',
    unit: 'MiB/s',
    task: ({ sizeBytes }) => ({ kind: 'write', name: WRITTEN.name, seed: BIG_FILE.seed, sizeBytes }),
  },
  {
    name: 'create',
    what: 'small files made one after the other',
    unit: 'files/s',
    task: ({ files, smallBytes }) => ({
      kind: 'create',
      folder: WRITTEN.folder,
      files,
      sizeBytes: smallBytes,
    }),
  },
];

/** One figure of one round. */
export interface Sample {
  /** In the unit of the figure. */
  readonly perSecond: number;
  readonly elapsedMs: number;
  readonly meanUs: number | null;
  readonly p99Us: number | null;
  readonly clientCpuMs: number;
  readonly serverCpuMs: number;
}

/** `startedCpuMs`: what all processes of the benchmark have used meanwhile, the client too. */
export function sampleOf(spec: FigureSpec, outcome: LoadOutcome, startedCpuMs: number): Sample {
  const { elapsedMs, amount, latencies, cpuMs } = outcome;
  const count = spec.unit === 'MiB/s' ? amount / 1024 ** 2 : amount;
  return {
    perSecond: count / (Math.max(elapsedMs, 0.001) / 1000),
    elapsedMs,
    meanUs: latencies?.meanUs ?? null,
    p99Us: latencies?.p99Us ?? null,
    clientCpuMs: cpuMs,
    serverCpuMs: Math.max(0, startedCpuMs - cpuMs),
  };
}

/** The middle value, or the mean of the two in the middle; null of none. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The list begun `by` places later, so that nobody is always the first, or after the same neighbour. */
export function rotated<T>(list: readonly T[], by: number): T[] {
  const start = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
