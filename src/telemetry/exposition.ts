import type { MetricFamily, MetricSample } from './family.ts';

/** `text`: Prometheus text format 0.0.4. `openmetrics`: OpenMetrics 1.0.0, which has units and an end mark. */
export type ExpositionFormat = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** What a scraper with this Accept header gets. */
export function formatFor(accept: string | undefined): ExpositionFormat {
  return /application\/openmetrics-text/i.test(accept ?? '') ? 'openmetrics' : 'text';
}

/** Families as a scraper reads them. */
export function expose(families: readonly MetricFamily[], format: ExpositionFormat): string {
  const lines = families.flatMap((family) => linesOf(family, format));
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function linesOf({ name, kind, unit, help, samples }: MetricFamily, format: ExpositionFormat): string[] {
  // in the older format the suffix belongs to the name of a counter
  const title = format === 'text' && kind === 'counter' ? `${name}_total` : name;
  return [
    `# HELP ${title} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    `# TYPE ${title} ${kind}`,
    ...(format === 'openmetrics' && unit !== null && name.endsWith(`_${unit}`)
      ? [`# UNIT ${name} ${unit}`]
      : []),
    ...samples.map((sample) => `${name}${sample.suffix}${labelText(sample)} ${sample.value}`),
  ];
}

function labelText({ labels }: MetricSample): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
