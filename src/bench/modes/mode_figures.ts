import type { CrashFigures } from './crash.ts';
import type { LoadTimes, StepTimes } from './mode_run.ts';

/** A way to use the cache of a mount. */
export interface CacheMode {
  readonly name: string;
  readonly what: string;
  /** Of `causeway mount`; `SIZE` stands for the size of the cache. */
  readonly flags: readonly string[];
}

export const CACHE_MODES: readonly CacheMode[] = [
  { name: 'none', what: 'nothing is kept', flags: [] },
  {
    name: 'through',
    what: 'what is read is kept, what is written waits for the machine',
    flags: ['--cache-size', 'SIZE', '--cache-policy', 'write-through'],
  },
  {
    name: 'around',
    what: 'what is read is kept, what is written passes every cache of this host and waits for the machine',
    flags: ['--cache-size', 'SIZE', '--cache-policy', 'around'],
  },
  {
    name: 'back',
    what: 'what is written waits in a journal on the disk of this host',
    flags: ['--cache-size', 'SIZE', '--cache-policy', 'write-back'],
  },
  {
    name: 'split',
    what: 'what is written to files below 1 MiB waits in a journal, what is written to larger ones waits for the machine',
    flags: ['--cache-size', 'SIZE', '--cache-policy', 'split', '--split-size', '1M'],
  },
];

export interface ModeFigures extends LoadTimes {
  /** What came over the link during the load, with all that is around it. */
  readonly receivedBytes: number;
  /** 0 to 1, by {@link hitRateOf}. */
  readonly hitRate: number;
  /** After the load, until the machine had all that was written. */
  readonly drainMs: number;
  readonly crash: CrashFigures;
}

export interface ModeReport {
  readonly name: string;
  readonly what: string;
  /** Why it could not be measured; null where it was. */
  readonly reason: string | null;
  readonly figures: ModeFigures | null;
}

export interface ModeTarget {
  readonly what: string;
  readonly atLeast: number;
  /** Null where one of both sides is missing. */
  readonly is: number | null;
  readonly isMet: boolean | null;
}

/** What is done in each mode. */
export interface ModesWork {
  readonly loadBytes: number;
  readonly cacheBytes: number;
  /** What is added to the link, each way. */
  readonly delayMs: number;
  readonly seed: number;
}

/** What one run tells, as `--json` prints it. */
export interface ModesReport {
  readonly schema: 1;
  readonly work: ModesWork;
  readonly fileSystem: string;
  /** Processor time of all programs that were started. */
  readonly cpuMs: number;
  readonly modes: readonly ModeReport[];
  readonly targets: readonly ModeTarget[];
}

/** Part of the bytes that programs have read which did not come over the link for it. */
export function hitRateOf({
  reads,
  receivedBytes,
}: {
  readonly reads: Pick<StepTimes, 'bytes'>;
  readonly receivedBytes: number;
}): number {
  return reads.bytes === 0 ? 0 : Math.max(0, 1 - receivedBytes / reads.bytes);
}

export function targetsOf(modes: readonly ModeReport[]): ModeTarget[] {
  const of = (name: string) => modes.find((mode) => mode.name === name)?.figures ?? null;
  const [none, through, back] = [of('none'), of('through'), of('back')];
  const target = (what: string, atLeast: number, is: number | null): ModeTarget => ({
    what,
    atLeast,
    is,
    isMet: is === null ? null : is >= atLeast,
  });
  return [
    target(
      'the whole load, write-through against no cache: times as fast',
      1.18,
      none && through && none.elapsedMs / through.elapsedMs,
    ),
    target('hit rate, write-through', 0.92, through?.hitRate ?? null),
    target(
      'a write, write-back against write-through: times as fast',
      1.5,
      through && back && through.writes.meanUs / Math.max(1, back.writes.meanUs),
    ),
  ];
}
