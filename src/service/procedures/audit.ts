import { LogReader } from '../../access/audit/reader.ts';
import { searchLog } from '../../access/audit/search.ts';
import { verifyLog } from '../../access/audit/verify.ts';
import type { SearchAuditRequest } from '../../contract/audit_schemas.ts';
import type { ServiceParts } from '../ports.ts';
import type { Details, Procedure } from '../procedure.ts';

const LIMIT_DEFAULT = 100;

/** Who looks into the audit log is recorded in it. */
export const AUDIT_PROCEDURES = {
  searchAudit: {
    isRecorded: true,
    subject: () => 'audit',
    details: ({ body }) => filterDetails(body as SearchAuditRequest),
    act: async (parts, { body }) => search(parts, body as SearchAuditRequest),
  },
  verifyAudit: {
    isRecorded: true,
    subject: () => 'audit',
    details: () => ({ what: 'verify' }),
    outcome: (result) => {
      const { isSound, problemsTotal } = result as { isSound: boolean; problemsTotal: number };
      return { isSound, problems: problemsTotal };
    },
    act: async ({ trail, metrics }) => {
      const found = await verifyLog(trail.log.place, trail.log.position);
      metrics.auditChecked(found.isSound);
      return found;
    },
  },
} satisfies Record<string, Procedure>;

function search({ trail }: ServiceParts, { limit = LIMIT_DEFAULT, ...query }: SearchAuditRequest) {
  return searchLog(new LogReader(trail.log.place, trail.log.position), { ...query, limit });
}

/** What was looked for, for the record. */
export function filterDetails(filter: object): Details {
  const given = Object.entries(filter as Details).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}
