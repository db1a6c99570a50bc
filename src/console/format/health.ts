import type { PartView } from '../../contract/part_schemas.ts';
import type { JobView, StatusView } from '../../contract/schemas.ts';

/** Something that needs a person, with the page that shows it. */
export interface Finding {
  readonly kind: 'stalled' | 'failed' | 'partial' | 'machineFailed' | 'machineLost' | 'part';
  readonly tone: 'bad' | 'warn';
  readonly job?: JobView;
  readonly machine?: string;
  /** A part of the daemon that does not run. */
  readonly part?: PartView['name'];
}

/** How long a failed copy is told of on the overview. */
const FAILED_FOR_MS = 24 * 3_600_000;

/** What needs a person, the worst first. A machine that still connects, or waits for its agent, is no finding. */
export function findingsOf(status: StatusView, recent: readonly JobView[], nowMs: number): Finding[] {
  const findings: Finding[] = [];
  for (const job of status.activeJobs)
    if (job.stall !== null) findings.push({ kind: 'stalled', tone: 'bad', job });
  for (const { name, state } of status.parts)
    if (state === 'restarting') findings.push({ kind: 'part', tone: 'bad', part: name });
  for (const vm of status.vms) {
    if (vm.state === 'failed') findings.push({ kind: 'machineFailed', tone: 'bad', machine: vm.name });
    if (vm.state === 'interrupted') findings.push({ kind: 'machineLost', tone: 'warn', machine: vm.name });
  }
  for (const job of recent) {
    if (job.endedAtMs === null || nowMs - job.endedAtMs > FAILED_FOR_MS) continue;
    if (job.state === 'failed' && !isRepeated(job, recent))
      findings.push({ kind: 'failed', tone: 'bad', job });
    if (job.state === 'partial' && !isRepeated(job, recent))
      findings.push({ kind: 'partial', tone: 'warn', job });
  }
  return findings.sort((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'));
}

/** A later copy of the same thing to the same place has taken its place. */
function isRepeated(job: JobView, recent: readonly JobView[]): boolean {
  return recent.some(
    (later) =>
      later.createdAtMs > job.createdAtMs &&
      later.vm === job.vm &&
      later.direction === job.direction &&
      later.destination === job.destination &&
      later.sources.join('\0') === job.sources.join('\0'),
  );
}
