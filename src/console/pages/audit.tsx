import { useEffect, useState } from 'preact/hooks';
import type { AuditPageView, SearchAuditRequest } from '../../contract/audit_schemas.ts';
import { EXPORT_AUDIT_PATH, HTTPS_PREFIX } from '../../contract/routes.ts';
import { call, queryOf } from '../api/client.ts';
import { localTimeMs } from '../browser/clock.ts';
import { ANY_RECORD, auditFilterOf } from '../format/audit_filter.ts';
import { AuditCheck } from '../parts/audit_check.tsx';
import { AuditFilter } from '../parts/audit_filter.tsx';
import { AuditRows } from '../parts/audit_rows.tsx';
import { Button } from '../parts/buttons.tsx';
import { Card, Page } from '../parts/page.tsx';
import { messages } from '../state/language.ts';
import { tellError } from '../state/notices.ts';

const PAGE_RECORDS = 50;

export function AuditPage() {
  const { audit: m, shell } = messages.value;
  const [filter, setFilter] = useState<SearchAuditRequest>({});
  const [page, setPage] = useState<AuditPageView | null>(null);
  const search = async (next: SearchAuditRequest): Promise<void> => {
    setPage(await call('searchAudit', {}, { ...next, limit: PAGE_RECORDS }));
    setFilter(next);
  };
  useEffect(() => {
    search({}).catch(tellError);
  }, []);
  const older = async (before: number): Promise<void> => {
    const next = await call('searchAudit', {}, { ...filter, limit: PAGE_RECORDS, before });
    setPage({ ...next, records: [...(page?.records ?? []), ...next.records] });
  };
  const download = `${HTTPS_PREFIX}${EXPORT_AUDIT_PATH}${queryOf(filter)}`;
  return (
    <Page
      title={m.title}
      lead={m.lead}
      actions={
        <a class="button plain" href={download} download="audit.jsonl">
          {m.download}
        </a>
      }
    >
      <AuditCheck />
      <Card title={m.filter}>
        <AuditFilter first={ANY_RECORD} onSearch={(draft) => search(auditFilterOf(draft, localTimeMs))} />
      </Card>
      <Card title={m.title}>
        {page === null && <p class="quiet">{shell.loading}</p>}
        {page !== null && page.damagedParts > 0 && <p class="callout bad">{m.damaged(page.damagedParts)}</p>}
        {page?.records.length === 0 && <p class="quiet">{m.none}</p>}
        {page !== null && page.records.length > 0 && <AuditRows records={page.records} />}
        {page?.nextBefore != null && (
          <div class="actions">
            <Button onPress={() => older(page.nextBefore!)}>{m.older}</Button>
          </div>
        )}
      </Card>
    </Page>
  );
}
