import { formatBytes, formatDuration, formatRate } from '../base/units.ts';
import type { JobView } from '../contract/schemas.ts';
import { STAGE_LABELS, type Stage } from '../wire/stages.ts';
import { compressionText } from './compress_option.ts';
import { directText } from './direct_option.ts';

export function stageText(job: JobView, stage: string, side: string): string {
  return `${STAGE_LABELS[stage as Stage] ?? stage} (${placeText(job, side)})`;
}

/** Host or guest; of a copy between two machines the name of the machine. */
export function placeText({ vm, fromVm }: JobView, side: string): string {
  if (fromVm === undefined) return side;
  return side === 'source' ? fromVm : vm;
}

/** One line that tells where a copy is. */
export function jobLine(job: JobView): string {
  return `${job.id}  ${job.state}  ${progressText(job)}  ${routeText(job)}`;
}

export function routeText(job: JobView): string {
  const first = job.upload === undefined ? job.sources[0] : `upload:${job.sources[0]}`;
  const from = job.sources.length === 1 ? first : `${first} and ${job.sources.length - 1} more`;
  switch (job.direction) {
    case 'in':
      return `${from} → ${job.vm}:${job.destination}`;
    case 'out':
      return `${job.vm}:${from} → ${job.destination}`;
    case 'between':
      return `${job.fromVm}:${from} → ${job.vm}:${job.destination}`;
  }
}

function machinesText({ vm, fromVm }: JobView): string {
  return fromVm === undefined ? vm : `${fromVm} or ${vm}`;
}

/** The moving part: percentage or counts, durable bytes, rate, range of the time left, what limits or hangs. */
export function progressText(job: JobView): string {
  if (job.stall)
    return `${percentText(job)} STALLED for ${formatDuration(job.stall.forMs)}: ${job.stall.cause}; ${job.stall.fix}`;
  if (job.state === 'paused') return `${percentText(job)} paused: causeway jobs resume ${job.id}`.trimStart();
  if (job.waiting) return `${percentText(job)} waiting ${job.waiting.text}`.trimStart();
  if (job.phase === 'waiting')
    return `${percentText(job)} waiting for ${machinesText(job)}${whyWaiting(job)}`.trimStart();
  if (job.phase === 'planning')
    return `planning: ${job.plannedEntries} entries, ${formatBytes(job.plannedBytes)}`;
  if (job.phase === 'checking')
    return `checking: ${job.plannedEntries} entries, ${formatBytes(job.plannedBytes)}`;
  const parts = [
    percentText(job),
    `${formatBytes(job.durableBytes)} of ${formatBytes(job.plannedBytes)} durable`,
  ];
  if (job.phase === 'finishing') parts.push('finishing');
  else {
    parts.push(formatRate(job.rateBytesPerSecond));
    if (job.remainingMs) parts.push(remainingText(job.remainingMs));
    if (job.limitingStage)
      parts.push(`limited by ${stageText(job, job.limitingStage.stage, job.limitingStage.side)}`);
  }
  return `${parts.join(', ')}${job.explanation ? `; ${job.explanation.cause}` : ''}`;
}

function whyWaiting({ explanation, lastError }: JobView): string {
  const why = explanation?.cause ?? lastError?.message;
  return why === undefined ? '' : `: ${why}`;
}

/** What decides when the copy runs. */
export function queueText(job: JobView): string {
  const parts = [`priority ${job.priority}`];
  if (job.weight !== undefined) parts.push(`weight ${job.weight}`);
  if (job.trafficClass !== undefined) parts.push(`class ${job.trafficClass}`);
  if (job.windows.length > 0) parts.push(`only ${job.windows.join(' and ')}`);
  if (job.retries.max > 0) parts.push(`${job.retries.used} of ${job.retries.max} retries used`);
  return parts.join(', ');
}

function percentText(job: JobView): string {
  return job.percent === null ? '' : `${job.percent.toFixed(1)} %`;
}

function remainingText({ low, high }: { low: number; high: number }): string {
  const from = formatDuration(low);
  const to = formatDuration(high);
  return from === to ? `${from} left` : `${from} to ${to} left`;
}

/** What is told when a copy has ended. */
export function endText(job: JobView): string {
  const amount = `${job.plannedEntries} entries, ${formatBytes(job.plannedBytes)} in ${formatDuration(job.elapsedMs)}`;
  const compressed = compressionText(job);
  const direct = directText(job);
  const resumed =
    (job.recoveredBytes > 0 ? `, ${formatBytes(job.recoveredBytes)} were there already` : '') +
    (job.reusedBytes > 0 ? `, ${formatBytes(job.reusedBytes)} taken from the version there` : '') +
    (job.zeroBytes > 0 ? `, ${formatBytes(job.zeroBytes)} of zeros not sent` : '') +
    (compressed === null ? '' : `, compressed (${compressed})`) +
    (direct === null ? '' : `, without the link: ${direct}`);
  switch (job.state) {
    case 'done':
      return `done: ${amount} (${formatRate(job.rateBytesPerSecond)})${resumed}; verified and flushed${noteText(job)}`;
    case 'partial':
      return `partly done: ${amount}${resumed}; not copied:\n${problemsText(job)}${noteText(job)}`;
    case 'interrupted':
      return `interrupted at ${percentText(job)}: run the same command again to resume`;
    case 'cancelled':
      return `cancelled${job.note ? `; ${job.note}` : ''}`;
    case 'failed':
      return `failed: ${job.error?.message}\n  ${job.error?.help}\n  (${job.error?.code})${listedText(job)}`;
    default:
      return progressText(job);
  }
}

function listedText(job: JobView): string {
  return job.problems.length > 0 ? `\n${problemsText(job)}` : '';
}

function noteText(job: JobView): string {
  return job.note ? `\n  note: ${job.note}` : '';
}

export function problemsText(job: JobView): string {
  return job.problems.map((problem) => `  ${problem.path}: ${problem.message} (${problem.code})`).join('\n');
}

/** The exit code that the end of a copy means. */
export function exitCodeOf(job: JobView, exitOfCode: (code: string) => number): number {
  switch (job.state) {
    case 'done':
      return 0;
    case 'partial':
      return 3;
    case 'interrupted':
    case 'cancelled':
      return 130;
    case 'failed':
      return job.error ? exitOfCode(job.error.code) : 1;
    default:
      return 1;
  }
}
