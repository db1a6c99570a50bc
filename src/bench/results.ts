import { FIGURES, type FigureName, median, type Sample, type ShareWork } from './figures.ts';
import { type Verdict, verdictsOf } from './targets.ts';

/** What was measured of one share. */
export interface ShareResult {
  readonly name: string;
  readonly what: string;
  readonly version: string;
  /** Why it was left out, or failed; null where it was measured. */
  readonly reason: string | null;
  /** By figure, one for each round; null in a round that has none. */
  readonly samples: Partial<Record<FigureName, (Sample | null)[]>>;
  /** Why a figure has no sample. */
  readonly failures: Partial<Record<FigureName, string>>;
}

export interface FigureSummary {
  /** Median, least and most, in `unit`. */
  readonly perSecond: number;
  readonly least: number;
  readonly most: number;
  readonly unit: string;
  /** Medians. Latencies are null where only the whole was timed. */
  readonly meanUs: number | null;
  readonly p99Us: number | null;
  readonly clientCpuMs: number;
  readonly serverCpuMs: number;
}

/** What one run tells, as `--json` prints it. */
export interface SharesReport {
  readonly schema: 1;
  readonly machine: Machine;
  readonly fileSystem: string;
  /** Percent of all processors that went to programs that are not of the benchmark. */
  readonly otherLoadPercent: number;
  readonly work: ShareWork;
  readonly shares: readonly (Omit<ShareResult, 'samples'> & {
    readonly figures: Partial<Record<FigureName, FigureSummary>>;
  })[];
  readonly targets: readonly Verdict[];
  /** Files that were compared byte for byte with what they should hold. */
  readonly verified: number;
}

export interface Machine {
  readonly platform: string;
  readonly processors: number;
  readonly memoryBytes: number;
}

export function summaryOf(samples: readonly (Sample | null)[], unit: string): FigureSummary | null {
  const there = samples.filter((sample) => sample !== null);
  const middle = (pick: (sample: Sample) => number | null) => {
    const values = there.map(pick).filter((value) => value !== null);
    return median(values);
  };
  const perSecond = middle((sample) => sample.perSecond);
  if (perSecond === null) return null;
  const all = there.map((sample) => sample.perSecond);
  return {
    perSecond,
    least: Math.min(...all),
    most: Math.max(...all),
    unit,
    meanUs: middle((sample) => sample.meanUs),
    p99Us: middle((sample) => sample.p99Us),
    clientCpuMs: middle((sample) => sample.clientCpuMs) ?? 0,
    serverCpuMs: middle((sample) => sample.serverCpuMs) ?? 0,
  };
}

export function reportOf(
  run: Omit<SharesReport, 'schema' | 'shares' | 'targets'>,
  results: readonly ShareResult[],
): SharesReport {
  const shares = results.map(({ samples, ...rest }) => {
    const figures = FIGURES.flatMap(({ name, unit }) => {
      const summary = summaryOf(samples[name] ?? [], unit);
      return summary === null ? [] : [[name, summary]];
    });
    return { ...rest, figures: Object.fromEntries(figures) };
  });
  return { schema: 1, ...run, shares, targets: verdictsOf(results) };
}
