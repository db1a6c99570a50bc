import { useState } from 'preact/hooks';
import type { AuditVerificationView } from '../../contract/audit_schemas.ts';
import { call } from '../api/client.ts';
import { countText } from '../format/amounts.ts';
import { languageTag, messages } from '../state/language.ts';
import { Button } from './buttons.tsx';
import { Card } from './page.tsx';

/** Reads the whole log and tells whether anybody has changed it. */
export function AuditCheck() {
  const m = messages.value.audit;
  const [result, setResult] = useState<AuditVerificationView | null>(null);
  return (
    <Card
      title={m.verify}
      lead={m.verifyText}
      aside={<Button onPress={async () => setResult(await call('verifyAudit', {}))}>{m.verify}</Button>}
    >
      <div role="status">
        {result?.isSound === true && (
          <p class="callout good">{m.sound(countText(result.records, languageTag.value))}</p>
        )}
        {result?.isSound === false && (
          <div class="callout bad">
            <strong>{m.unsound(result.problemsTotal)}</strong>
            <ul>
              {result.problems.map((problem) => (
                <li key={`${problem.segment} ${problem.fromByte} ${problem.kind}`}>{problem.message}</li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </Card>
  );
}
