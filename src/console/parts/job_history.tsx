import type { ComponentChildren } from 'preact';
import { formatBytes } from '../../base/units.ts';
import type { JobView } from '../../contract/schemas.ts';
import { countText, durationText, speedText } from '../format/amounts.ts';
import { minuteText } from '../format/times.ts';
import { languageTag, messages } from '../state/language.ts';
import { Time } from './marks.tsx';
import { Card, Facts } from './page.tsx';

/** What became of a job, the first thing first. */
export function JobHistory({ job }: { readonly job: JobView }) {
  const { job: m, jobs } = messages.value;
  const steps: { key: string; text: ComponentChildren; more?: ComponentChildren }[] = [
    { key: 'created', text: m.created, more: <Time atMs={job.createdAtMs} /> },
  ];
  if (job.lastError !== null) steps.push({ key: 'earlier', text: m.earlier, more: job.lastError.message });
  if (job.attempts > 0) steps.push({ key: 'attempt', text: m.attempt(job.attempts) });
  if (job.waiting !== null) {
    const { reason, untilMs } = job.waiting;
    const until = untilMs === null ? undefined : jobs.until(minuteText(untilMs, languageTag.value));
    steps.push({ key: 'waiting', text: jobs.waits[reason], more: until });
  }
  if (job.endedAtMs !== null)
    steps.push({ key: 'end', text: m.endedAs(jobs.states[job.state]), more: <Time atMs={job.endedAtMs} /> });
  if (job.note !== null) steps.push({ key: 'note', text: m.note, more: job.note });
  return (
    <ol class="history">
      {steps.map(({ key, text, more }) => (
        <li key={key}>
          <strong>{text}</strong>
          {more !== undefined && <span>{more}</span>}
        </li>
      ))}
    </ol>
  );
}

export function JobFacts({ job }: { readonly job: JobView }) {
  const { job: m, jobs, units } = messages.value;
  const tag = languageTag.value;
  const bytesFact = (name: string, bytes: number) =>
    bytes === 0 ? null : { name, value: formatBytes(bytes) };
  return (
    <Facts
      facts={[
        {
          name: jobs.progress,
          value: jobs.entries(countText(job.doneEntries, tag), countText(job.plannedEntries, tag)),
        },
        { name: m.id, value: <span class="mono">{job.id}</span> },
        { name: m.took, value: durationText(job.elapsedMs, units) },
        job.endedAtMs === null ? null : { name: m.speed, value: speedText(job.rateBytesPerSecond, units) },
        bytesFact(m.skipped, job.recoveredBytes),
        bytesFact(m.reused, job.reusedBytes),
        bytesFact(m.zeros, job.zeroBytes),
        compressedFact(job),
        job.priority === 0 ? null : { name: m.priority, value: String(job.priority) },
        job.weight === undefined ? null : { name: m.weight, value: String(job.weight) },
        job.trafficClass === 'background' ? { name: m.background, value: m.yes } : null,
        job.windows.length === 0 ? null : { name: m.windows, value: job.windows.join(', ') },
        job.retries.max === 0
          ? null
          : { name: m.retries, value: m.usedOf(job.retries.used, job.retries.max) },
      ]}
    />
  );
}

function compressedFact({ compression }: JobView) {
  const m = messages.value.job;
  if (!compression || compression.beforeBytes === 0) return null;
  const { beforeBytes, afterBytes } = compression;
  return { name: m.compressed, value: m.compressedTo(formatBytes(beforeBytes), formatBytes(afterBytes)) };
}

/** What was not copied, each with its reason. */
export function Problems({ job }: { readonly job: JobView }) {
  const m = messages.value.job;
  if (job.problems.length === 0) return null;
  return (
    <Card title={m.problems(job.problems.length)}>
      <ProblemList problems={job.problems} />
    </Card>
  );
}

function ProblemList({ problems }: { readonly problems: JobView['problems'] }) {
  return (
    <ul class="problems">
      {problems.map(({ path, code, message }) => (
        <li key={`${path} ${code}`}>
          <span class="mono break">{path}</span>
          <span>{message}</span>
        </li>
      ))}
    </ul>
  );
}

export function UndoState({ job: { undo } }: { readonly job: JobView }) {
  const m = messages.value.job;
  const tag = languageTag.value;
  if (undo === null) return null;
  const count = (value: number): string => countText(value, tag);
  return (
    <Card title={m.undoHead}>
      {undo.state === 'kept' && (
        <p>
          {`${m.undoKept(count(undo.kept), formatBytes(undo.bytes), count(undo.made))} ${m.undoUntil(minuteText(undo.untilMs, tag))}`}
        </p>
      )}
      {undo.state === 'kept' && undo.missing > 0 && (
        <p>{m.undoMissing(count(undo.missing), undo.missingFrom ?? '')}</p>
      )}
      {undo.state === 'running' && <p>{m.undoRunning}</p>}
      {undo.state === 'done' && <p>{m.undoDone(count(undo.restored), count(undo.removed))}</p>}
      {undo.state === 'partial' && <p>{m.undoPartial(count(undo.problemCount))}</p>}
      {undo.state === 'failed' && <p>{m.undoFailed}</p>}
      {undo.error !== null && <p class="quiet">{`${undo.error.message} ${undo.error.help}`}</p>}
      {undo.problems.length > 0 && <ProblemList problems={undo.problems} />}
    </Card>
  );
}
