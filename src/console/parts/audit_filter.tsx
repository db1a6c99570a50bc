import { useState } from 'preact/hooks';
import type { AuditDraft } from '../format/audit_filter.ts';
import { messages } from '../state/language.ts';
import { Submit } from './buttons.tsx';
import { Form, SelectField, TextField } from './form.tsx';

interface AuditFilterProps {
  readonly first: AuditDraft;
  readonly onSearch: (draft: AuditDraft) => Promise<void>;
}

export function AuditFilter({ first, onSearch }: AuditFilterProps) {
  const m = messages.value.audit;
  const [draft, setDraft] = useState(first);
  const set = (part: Partial<AuditDraft>): void => setDraft({ ...draft, ...part });
  const any = { value: '', text: m.any };
  const choices = (names: Readonly<Record<string, string>>) => [
    any,
    ...Object.entries(names).map(([value, text]) => ({ value, text })),
  ];
  return (
    <Form label={m.filter} onSubmit={() => onSearch(draft)}>
      {(running) => (
        <>
          <div class="field-grid">
            <TextField label={m.actor} value={draft.actor} onChange={(actor) => set({ actor })} />
            <SelectField
              label={m.action}
              value={draft.action}
              onChange={(action) => set({ action })}
              options={choices(m.actions)}
            />
            <TextField
              label={m.resource}
              value={draft.resource}
              onChange={(resource) => set({ resource })}
              help={m.resourceHelp}
            />
            <SelectField
              label={m.outcome}
              value={draft.outcome}
              onChange={(outcome) => set({ outcome })}
              options={choices(m.outcomes)}
            />
            <TextField
              label={m.from}
              type="datetime-local"
              value={draft.from}
              onChange={(from) => set({ from })}
            />
            <TextField
              label={m.until}
              type="datetime-local"
              value={draft.until}
              onChange={(until) => set({ until })}
            />
          </div>
          <div class="actions">
            <Submit running={running}>{m.search}</Submit>
          </div>
        </>
      )}
    </Form>
  );
}
