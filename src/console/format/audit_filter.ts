import type { SearchAuditRequest } from '../../contract/audit_schemas.ts';

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
