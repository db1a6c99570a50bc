import { formatBytes, formatDuration, formatRate } from '../base/units.ts';
import type { JobView } from '../contract/schemas.ts';
import { STAGE_LABELS, type Stage } from '../wire/stages.ts';
import { stageText } from './job_text.ts';
import { table } from './terminal.ts';

type StageRow = JobView['stages'][number];

/** Where the bytes come from. */
const SOURCE_SIDES = { in: 'host', out: 'guest', between: 'source' } as const;

const BAR_CELLS = 24;
/** Busy, starved, blocked, and what is left: before it began and after it was over. */
const MARKS = { busy: '█', starved: '░', blocked: '▒', rest: ' ' };
const LEGEND = `${MARKS.busy} busy  ${MARKS.starved} waits for what comes before  ${MARKS.blocked} waits for what comes behind`;

/** Where the time of a copy went, a line for each stage of each side; with bars where a person watches. */
export function stageTable(job: JobView, bars: boolean): string {
  const wholeMs = Math.max(job.elapsedMs, ...job.stages.map(accountedMs), 1);
  const head = ['  stage', ...(bars ? [''] : []), 'busy', 'starved', 'blocked', 'bytes', 'while busy'];
  const source = SOURCE_SIDES[job.direction];
  const inOrder = job.stages.toSorted((a, b) => Number(b.side === source) - Number(a.side === source));
  const rows = inOrder.map((stage) => [
    `  ${stageText(job, stage.stage, stage.side)}`,
    ...(bars ? [`│${bar(stage, wholeMs)}│`] : []),
    `${formatDuration(stage.busyMs)} ${percent(stage.busyMs, wholeMs)}`,
    waitText(stage.starvedMs),
    waitText(stage.blockedMs),
    amountText(stage),
    rateText(stage),
  ]);
  return `${table([head, ...rows])}${bars ? `\n  ${LEGEND}` : ''}`;
}

/** `flush on guest (81 % of the time)`. */
export function limitText(
  { stage, side, share }: NonNullable<JobView['limitingStage']>,
  place: string = side,
): string {
  return `${STAGE_LABELS[stage as Stage] ?? stage} on ${place} (${percent(share, 1)} of the time)`;
}

function bar(stage: StageRow, wholeMs: number): string {
  const parts = [
    { mark: MARKS.busy, ms: stage.busyMs },
    { mark: MARKS.starved, ms: stage.starvedMs ?? 0 },
    { mark: MARKS.blocked, ms: stage.blockedMs ?? 0 },
  ];
  let drawn = '';
  let untilMs = 0;
  for (const { mark, ms } of parts) {
    untilMs += ms;
    const cells = Math.min(BAR_CELLS, Math.round((untilMs / wholeMs) * BAR_CELLS));
    drawn += mark.repeat(Math.max(0, cells - drawn.length));
  }
  return drawn.padEnd(BAR_CELLS, MARKS.rest);
}

function accountedMs({ busyMs, starvedMs, blockedMs }: StageRow): number {
  return busyMs + (starvedMs ?? 0) + (blockedMs ?? 0);
}

function waitText(waitMs: number | undefined): string {
  return waitMs === undefined ? '-' : formatDuration(waitMs);
}

function amountText({ stage, bytes }: StageRow): string {
  if (bytes === 0) return '-';
  return stage === 'publish' ? `${bytes} ${bytes === 1 ? 'name' : 'names'}` : formatBytes(bytes);
}

/** A stage that counts names, not bytes, has no rate worth telling. */
function rateText({ stage, rateBytesPerSecond: rate, bytes }: StageRow): string {
  if (stage === 'publish' || bytes === 0 || rate === undefined || rate === null) return '-';
  return formatRate(rate);
}

function percent(part: number, whole: number): string {
  return `${Math.round((part / whole) * 100)} %`;
}
