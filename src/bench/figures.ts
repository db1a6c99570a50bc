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
  task(work: ShareWork, names: FileNames): LoadTask;
}

/** What the files are called with which a share is measured. */
export interface FileNames {
  /** Read in order. */
  readonly big: string;
  /** Read at random places. */
  readonly random: string;
  /** A folder of small files. */
  readonly many: string;
  readonly written: string;
  /** A folder that is made. */
  readonly made: string;
}

export const MEASURED: FileNames = {
  big: 'big.bin',
  random: 'random.bin',
  many: 'many',
  written: 'written.bin',
  made: 'made',
};
/** Used before, so that a server is measured that runs, and not how it starts. */
export const WARMING: FileNames = {
  big: 'warm.bin',
  random: 'warm-random.bin',
  many: 'warm-many',
  written: 'warm-written.bin',
  made: 'warm-made',
};
/** What large files hold, but those at random places. */
export const BIG_SEED = 11;
export const RANDOM_SEED = 13;

/** A little of everything. */
export function warmingWork(work: ShareWork): ShareWork {
  const sizeBytes = Math.min(work.sizeBytes, WARM_BYTES);
  return {
    ...work,
    ...{ sizeBytes, randomSizeBytes: sizeBytes },
    files: Math.min(work.files, WARM_COUNT),
    reads: Math.min(work.reads, WARM_COUNT),
  };
}

const WARM_BYTES = 32 * 1024 ** 2;
const WARM_COUNT = 1_000;

/** In the order in which they are taken: what a client has not seen yet comes first. */
export const FIGURES: readonly FigureSpec[] = [
  {
    name: 'list',
    what: 'names, sizes and times of a folder: ls -l, or PROPFIND with depth 1',
    unit: 'files/s',
    task: ({ files, smallBytes }, { many }) => ({ kind: 'list', folder: many, files, sizeBytes: smallBytes }),
  },
  {
    name: 'clients',
    what: 'small files read in whole by many clients at once',
    unit: 'reads/s',
    task: ({ files, smallBytes, connections, reads }, { many }) => ({
      ...{ kind: 'clients', folder: many, files, sizeBytes: smallBytes },
      ...{ connections, reads: Math.max(reads, connections) },
    }),
  },
  {
    name: 'random',
    what: '4 KiB at random places, one read after the other',
    unit: 'reads/s',
    task: ({ randomSizeBytes, reads }, { random }) => ({
      ...{ kind: 'random', name: random, seed: RANDOM_SEED, sizeBytes: randomSizeBytes, reads },
    }),
  },
  {
    name: 'read',
    what: 'one file read in order',
    unit: 'MiB/s',
    task: ({ sizeBytes }, { big }) => ({ kind: 'read', name: big, sizeBytes }),
  },
  {
    name: 'write',
    what: 'one file written in order, until it is closed or answered',
    unit: 'MiB/s',
    task: ({ sizeBytes }, { written, big }) => ({
      ...{ kind: 'write', name: written, like: big, seed: BIG_SEED, sizeBytes },
    }),
  },
  {
    name: 'create',
    what: 'small files made one after the other',
    unit: 'files/s',
    task: ({ files, smallBytes }, { made, many }) => ({
      kind: 'create',
      folder: made,
      like: many,
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
