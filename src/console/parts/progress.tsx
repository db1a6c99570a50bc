import { formatBytes } from '../../base/units.ts';
import type { JobView } from '../../contract/schemas.ts';
import { percentText } from '../format/amounts.ts';
import { jobTone } from '../format/jobs.ts';
import { messages } from '../state/language.ts';

/** Sent, arrived and safe bytes over each other: what is sent is never less than what is safe. */
export function Progress({ job, label }: { readonly job: JobView; readonly label: string }) {
  const width = (bytes: number): string =>
    job.plannedBytes === 0 ? '0%' : `${Math.min(100, (bytes / job.plannedBytes) * 100)}%`;
  const isDone = job.state === 'done';
  const there = job.recoveredBytes + job.reusedBytes + job.zeroBytes;
  const { percent } = job;
  return (
    <div
      class={`progress ${jobTone(job)}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent === null ? undefined : Math.floor(percent)}
      aria-valuetext={percent === null ? undefined : percentText(percent)}
    >
      <span class="sent" style={{ width: isDone ? '100%' : width(job.sentBytes + there) }} />
      <span class="received" style={{ width: isDone ? '100%' : width(job.receivedBytes + there) }} />
      <span class="durable" style={{ width: `${percent ?? 0}%` }} />
    </div>
  );
}

/** The three counters of a copy. */
export function Counters({ job }: { readonly job: JobView }) {
  const m = messages.value.job;
  const counters = [
    { kind: 'sent', name: m.sent, help: m.sentHelp, bytes: job.sentBytes },
    { kind: 'received', name: m.received, help: m.receivedHelp, bytes: job.receivedBytes },
    { kind: 'durable', name: m.durable, help: m.durableHelp, bytes: job.durableBytes },
  ];
  return (
    <dl class="counters">
      {counters.map(({ kind, name, help, bytes }) => (
        <div key={kind} class={kind} data-counter={kind}>
          <dt title={help}>{name}</dt>
          <dd>{formatBytes(bytes)}</dd>
          <dd class="help">{help}</dd>
        </div>
      ))}
    </dl>
  );
}
