import { LIMITS } from '../base/limits.ts';
import { FAMILIES, type FamilyName, type LabelsOf } from './families.ts';
import type { FamilySpec, MetricFamily, MetricSample } from './family.ts';

/** What one scrape finds. */
export class Readings {
  readonly #samples = new Map<FamilyName, MetricSample[]>();

  /** A reading of a gauge, or the total of a counter that somebody else keeps. What is no number is left out. */
  set<N extends FamilyName>(name: N, labels: LabelsOf<N>, value: number | null | undefined): void {
    if (value === null || value === undefined || !Number.isFinite(value)) return;
    const suffix = FAMILIES[name].kind === 'counter' ? '_total' : '';
    this.put(name, { suffix, labels, value });
  }

  put(name: FamilyName, sample: MetricSample): void {
    const samples = this.#samples.get(name) ?? [];
    const perSeries = (FAMILIES[name] as FamilySpec).buckets?.length ?? 0;
    if (samples.length >= LIMITS.metricSeriesMax.value * (perSeries + 3)) return;
    samples.push(sample);
    this.#samples.set(name, samples);
  }

  /** Families that have samples, by name. */
  families(): MetricFamily[] {
    return [...this.#samples]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, samples]) => {
        const { kind, unit, help } = FAMILIES[name];
        return { name, kind, unit, help, samples };
      });
  }
}
