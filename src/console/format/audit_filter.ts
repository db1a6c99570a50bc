import type { AuditRecordView, SearchAuditRequest } from '../../contract/audit_schemas.ts';

/** What is typed to look for audit records; an empty text leaves its field out. */
export interface AuditDraft {
  readonly actor: string;
  readonly action: string;
  readonly resource: string;
  readonly outcome: string;
  /** Local times as an `<input type="datetime-local">` gives them. */
  readonly from: string;
  readonly until: string;
}

export const ANY_RECORD: AuditDraft = {
  actor: '',
  action: '',
  resource: '',
  outcome: '',
  from: '',
  until: '',
};

/** The filter of a draft; `timeOf` reads a local time, NaN for none. */
export function auditFilterOf(draft: AuditDraft, timeOf: (text: string) => number): SearchAuditRequest {
  const { actor, action, resource, outcome } = draft;
  const texts = { actor, action, resource, outcome };
  const filled = Object.entries(texts).flatMap(([name, text]) =>
    text.trim() === '' ? [] : [[name, text.trim()] as const],
  );
  const fromMs = timeOf(draft.from);
  const untilMs = timeOf(draft.until);
  return {
    ...Object.fromEntries(filled),
    ...(Number.isNaN(fromMs) ? {} : { fromMs }),
    ...(Number.isNaN(untilMs) ? {} : { untilMs }),
  };
}

/** Records of which the end names its beginning, as one: the end, with what the beginning told. The newest stay first. */
export function foldRecords(records: readonly AuditRecordView[]): AuditRecordView[] {
  const bySequence = new Map(records.map((record) => [record.sequence, record]));
  const begun = new Set(records.map((record) => record.details['started']));
  return records
    .filter((record) => !begun.has(record.sequence))
    .map((record) => {
      const { started, ...own } = record.details;
      const beginning = bySequence.get(Number(started));
      return { ...record, details: { ...beginning?.details, ...own } };
    });
}
