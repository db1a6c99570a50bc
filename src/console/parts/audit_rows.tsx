import type { AuditRecordView } from '../../contract/audit_schemas.ts';
import { foldRecords } from '../format/audit_filter.ts';
import type { Tone } from '../format/jobs.ts';
import { messages } from '../state/language.ts';
import { Mark, Time } from './marks.tsx';

const TONES: Readonly<Record<AuditRecordView['outcome'], Tone>> = {
  started: 'quiet',
  done: 'good',
  failed: 'bad',
  refused: 'warn',
};

/** Audit records, the newest first. */
export function AuditRows({ records }: { readonly records: readonly AuditRecordView[] }) {
  const m = messages.value.audit;
  return (
    <div class="scroll">
      <table class="records">
        <thead>
          <tr>
            <th scope="col">{m.time}</th>
            <th scope="col">{m.actor}</th>
            <th scope="col">{m.action}</th>
            <th scope="col">{m.outcome}</th>
          </tr>
        </thead>
        <tbody>
          {foldRecords(records).map((record) => (
            <RecordRow key={record.sequence} record={record} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RecordRow({ record }: { readonly record: AuditRecordView }) {
  const m = messages.value.audit;
  const { actor, action, resource, outcome } = record;
  const details = Object.entries(record.details).filter(([, value]) => value !== null && value !== '');
  return (
    <tr data-action={action}>
      <td>
        <Time atMs={record.timeMs} />
      </td>
      <td>
        {actor.name || m.nobody}
        <span class="where">{actor.address}</span>
      </td>
      <td>
        {m.actions[action as keyof typeof m.actions] ?? action}
        <span class="where break">{resource}</span>
        {details.length > 0 && (
          <details class="record-details">
            <summary>{m.details}</summary>
            <dl>
              {details.map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd class="break">{String(value)}</dd>
                </div>
              ))}
            </dl>
          </details>
        )}
      </td>
      <td>
        <Mark tone={TONES[outcome]}>{m.outcomes[outcome]}</Mark>
      </td>
    </tr>
  );
}
