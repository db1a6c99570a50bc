import { useState } from 'preact/hooks';
import type { CreatedTokenView, GrantBody, MeView } from '../../contract/identity_schemas.ts';
import { call } from '../api/client.ts';
import { messages } from '../state/language.ts';
import { refusalOf } from '../state/rights.ts';
import { me } from '../state/session.ts';
import { Submit } from './buttons.tsx';
import { Form, SelectField, TextField } from './form.tsx';

const DAY_MS = 86_400_000;
const LIVES = { week: 7, month: 30, quarter: 90, year: 365 } as const;
type Life = keyof typeof LIVES;
const ROLES = ['viewer', 'operator', 'admin'] as const;
type Bound = GrantBody['role'] | 'all';

interface TokenFormProps {
  readonly onMade: (token: CreatedTokenView) => Promise<void>;
}

export function TokenForm({ onMade }: TokenFormProps) {
  const { tokens: m, people } = messages.value;
  const [label, setLabel] = useState('');
  const [life, setLife] = useState<Life>('quarter');
  const [bound, setBound] = useState<Bound>('all');
  const [checked, setChecked] = useState(false);
  const isNamed = label.trim() !== '';
  const highest = ROLES.indexOf((me.value as MeView).role ?? 'viewer');
  const lower = ROLES.slice(0, highest);
  return (
    <Form
      label={m.make}
      check={() => {
        setChecked(true);
        return isNamed;
      }}
      onSubmit={async () => {
        const limits = bound === 'all' ? {} : { bound: [{ role: bound, scopes: ['*'] }] };
        const lifeMs = LIVES[life] * DAY_MS;
        const made = await call('createToken', {}, { label: label.trim(), lifeMs, ...limits });
        setLabel('');
        setChecked(false);
        await onMade(made);
      }}
    >
      {(running) => (
        <>
          <div class="field-grid">
            <TextField
              label={m.label}
              value={label}
              onChange={setLabel}
              help={m.labelHelp}
              error={checked && !isNamed ? m.needLabel : null}
            />
            <SelectField
              label={m.life}
              value={life}
              onChange={setLife}
              options={(Object.keys(LIVES) as Life[]).map((value) => ({ value, text: m.lives[value] }))}
            />
            <SelectField<Bound>
              label={m.allows}
              value={bound}
              onChange={setBound}
              options={[
                { value: 'all', text: m.allowsAll },
                ...lower.map((value) => ({ value, text: people.roles[value] })),
              ]}
            />
          </div>
          <div class="actions">
            <Submit running={running} refused={refusalOf('account.change')}>
              {m.make}
            </Submit>
          </div>
        </>
      )}
    </Form>
  );
}
