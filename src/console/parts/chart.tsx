import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { formatBytes } from '../../base/units.ts';
import { speedText } from '../format/amounts.ts';
import type { Series } from '../format/series.ts';
import { languageTag, messages } from '../state/language.ts';
import { theme } from '../state/theme.ts';

interface ChartProps {
  readonly series: Series;
  /** A name for each line. */
  readonly names: readonly string[];
  readonly label: string;
}

const HEIGHT = 160;
/** Steps of the axis: even numbers in units of 1,024. */
const POWERS = Array.from({ length: 41 }, (_, exponent) => 2 ** exponent);
const COLOURS = ['--line-1', '--line-2'] as const;

/** Bytes per second over time. Its last values stand in words beside it, for who cannot see it. */
export function SpeedChart({ series, names, label }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { value: language } = messages;
  const look = theme.value;
  // Colours and words are read anew when theme or language change.
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const drawn = new uPlot(optionsOf(element, names), dataOf(series), element);
    plot.current = drawn;
    const sizes = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
    sizes.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = (): void => drawn.redraw();
    scheme.addEventListener('change', redraw);
    return () => {
      scheme.removeEventListener('change', redraw);
      sizes.disconnect();
      drawn.destroy();
    };
  }, [language, look]);
  useEffect(() => plot.current?.setData(dataOf(series)), [series]);
  const { units } = messages.value;
  const last = names.map((name, index) => `${name}: ${speedText(series.lines[index]?.at(-1) ?? 0, units)}`);
  return (
    <figure class="chart">
      <figcaption class="unseen">{`${label}. ${last.join(', ')}`}</figcaption>
      <div ref={box} aria-hidden="true" />
    </figure>
  );
}

function dataOf({ times, lines }: Series): uPlot.AlignedData {
  return [times.map((time) => time / 1_000), ...lines.map((line) => [...line])] as uPlot.AlignedData;
}

function optionsOf(element: HTMLElement, names: readonly string[]): uPlot.Options {
  const colour = (name: string) => () => getComputedStyle(element).getPropertyValue(name).trim();
  const time = new Intl.DateTimeFormat(languageTag.peek(), { timeStyle: 'medium', hourCycle: 'h23' });
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 1024)] } },
    axes: [
      {
        ...axis,
        size: 32,
        space: 90,
        values: (_plot, seconds) => seconds.map((one) => time.format(one * 1_000)),
      },
      {
        ...axis,
        size: 72,
        incrs: POWERS,
        values: (_plot, rates) => rates.map((rate) => (rate === 0 ? '0' : formatBytes(rate))),
      },
    ],
    series: [
      {},
      ...names.map((label, index) => ({
        label,
        stroke: colour(COLOURS[index % COLOURS.length]!),
        width: 2,
        points: { show: false },
      })),
    ],
  };
}
