import type { ProbeFigure } from './probes.ts';

/** Collects figures by label. */
export class Figures {
  readonly #values = new Map<string, number[]>();

  add(label: string, value: number): void {
    this.#values.set(label, [...(this.#values.get(label) ?? []), Math.round(value * 1000) / 1000]);
  }

  get record(): Record<string, ProbeFigure> {
    return Object.fromEntries([...this.#values].map(([label, values]) => [label, { values }]));
  }
}
