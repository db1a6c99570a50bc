import {
  type CounterName,
  FAMILIES,
  type FamilyName,
  type HistogramName,
  type LabelsOf,
} from './families.ts';
import type { FamilySpec, MetricSample } from './family.ts';
import type { Readings } from './readings.ts';
import { SeriesMap } from './series.ts';

interface Sum {
  value: number;
}

interface Distribution {
  /** For each bucket, and for infinity, the values that fall into it and into none before. */
  readonly counts: number[];
  sum: number;
}

/** Counters and histograms of things that happen: kept from one scrape to the next, in memory only. */
export class Tallies {
  readonly #sums = new Map<FamilyName, SeriesMap<Sum>>();
  readonly #distributions = new Map<FamilyName, SeriesMap<Distribution>>();
  #dropped = 0;

  /** `amount` ≥ 0. */
  add<N extends CounterName>(name: N, labels: LabelsOf<N>, amount = 1): void {
    const sum = seriesOf(this.#sums, name).at(labels, () => ({ value: 0 }));
    if (sum === null) this.#dropped += 1;
    else sum.value += Math.max(0, amount);
  }

  observe<N extends HistogramName>(name: N, labels: LabelsOf<N>, value: number): void {
    const { buckets = [] } = FAMILIES[name] as FamilySpec;
    const make = () => ({ counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 });
    const distribution = seriesOf(this.#distributions, name).at(labels, make);
    if (distribution === null) {
      this.#dropped += 1;
      return;
    }
    const at = buckets.findIndex((bound) => value <= bound);
    const index = at < 0 ? buckets.length : at;
    distribution.counts[index] = (distribution.counts[index] ?? 0) + 1;
    distribution.sum += value;
  }

  /** Forgets what is about things that are gone: series that have `label` with a value that is not among `kept`. */
  keep(label: 'vm' | 'share' | 'receiver', kept: ReadonlySet<string>): void {
    for (const [name, series] of [...this.#sums, ...this.#distributions])
      if ((FAMILIES[name].labels as readonly string[]).includes(label)) series.keep(label, kept);
  }

  writeTo(readings: Readings): void {
    for (const [name, series] of this.#sums)
      for (const [labels, { value }] of series) readings.put(name, { suffix: '_total', labels, value });
    for (const [name, series] of this.#distributions)
      for (const [labels, distribution] of series)
        for (const sample of samplesOf(name, labels, distribution)) readings.put(name, sample);
    readings.put('causeway_metrics_dropped_series', { suffix: '_total', labels: {}, value: this.#dropped });
  }
}

function seriesOf<V>(all: Map<FamilyName, SeriesMap<V>>, name: FamilyName): SeriesMap<V> {
  const known = all.get(name);
  if (known !== undefined) return known;
  const made = new SeriesMap<V>(name);
  all.set(name, made);
  return made;
}

/** Buckets are cumulative where they are told. */
function* samplesOf(
  name: FamilyName,
  labels: Record<string, string>,
  { counts, sum }: Distribution,
): IterableIterator<MetricSample> {
  const { buckets = [] } = FAMILIES[name] as FamilySpec;
  let count = 0;
  for (const [at, inBucket] of counts.entries()) {
    count += inBucket;
    const bound = buckets[at];
    const le = bound === undefined ? '+Inf' : String(bound);
    yield { suffix: '_bucket', labels: { ...labels, le }, value: count };
  }
  yield { suffix: '_sum', labels, value: sum };
  yield { suffix: '_count', labels, value: count };
}
