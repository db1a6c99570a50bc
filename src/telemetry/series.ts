import { LIMITS } from '../base/limits.ts';
import { FAMILIES, type FamilyName } from './families.ts';

const LABEL_CHARACTERS_MAX = 128;

/** Which series of a family a set of labels is; the values in the order of the family's labels. */
export function seriesKey(name: FamilyName, labels: Readonly<Record<string, string>>): string {
  return FAMILIES[name].labels
    .map((label) => (labels[label] ?? '').slice(0, LABEL_CHARACTERS_MAX).replaceAll('\n', ' '))
    .join('\n');
}

export function labelsOfKey(name: FamilyName, key: string): Record<string, string> {
  const values = key.split('\n');
  return Object.fromEntries(FAMILIES[name].labels.map((label, at) => [label, values[at] ?? '']));
}

/** Values of the series of one family, at most `LIMITS.metricSeriesMax` of them: what comes from outside must not fill the memory. */
export class SeriesMap<V> {
  readonly #name: FamilyName;
  readonly #series = new Map<string, V>();

  constructor(name: FamilyName) {
    this.#name = name;
  }

  /** The value of a series, made where there is none; null where there are too many. */
  at(labels: Readonly<Record<string, string>>, make: () => V): V | null {
    const key = seriesKey(this.#name, labels);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= LIMITS.metricSeriesMax.value) return null;
    const made = make();
    this.#series.set(key, made);
    return made;
  }

  /** Forgets the series whose value of `label` is not among `kept`. */
  keep(label: string, kept: ReadonlySet<string>): void {
    for (const key of this.#series.keys()) {
      const value = labelsOfKey(this.#name, key)[label];
      if (value !== undefined && !kept.has(value)) this.#series.delete(key);
    }
  }

  *[Symbol.iterator](): IterableIterator<readonly [Record<string, string>, V]> {
    for (const [key, value] of this.#series) yield [labelsOfKey(this.#name, key), value];
  }
}
