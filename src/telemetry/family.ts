/** `counter` only rises while the process lives; `gauge` may fall; `histogram` counts values by size. */
export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** A base unit of the Prometheus conventions, which the name ends with; null for a number of things. */
export type MetricUnit = 'seconds' | 'bytes' | 'ratio' | null;

/** One family of metrics. A counter is named without `_total`. */
export interface FamilySpec {
  readonly kind: MetricKind;
  readonly unit: MetricUnit;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, rising; the last one, infinity, is not listed. */
  readonly buckets?: readonly number[];
}

export interface MetricSample {
  /** Behind the name of the family: nothing, `_total`, `_bucket`, `_sum` or `_count`. */
  readonly suffix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A family with what was measured. */
export interface MetricFamily {
  readonly name: string;
  readonly kind: MetricKind;
  readonly unit: MetricUnit;
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

const spec =
  <K extends MetricKind>(kind: K) =>
  <const L extends readonly string[] = readonly []>(
    help: string,
    unit: MetricUnit = null,
    labels: L = [] as unknown as L,
  ) => ({ kind, unit, help, labels });

export const counter = spec('counter');
export const gauge = spec('gauge');

export function histogram<const L extends readonly string[] = readonly []>(
  help: string,
  buckets: readonly number[],
  labels: L = [] as unknown as L,
) {
  return { kind: 'histogram' as const, unit: 'seconds' as const, help, labels, buckets };
}
