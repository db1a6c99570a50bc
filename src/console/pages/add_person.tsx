import { useState } from 'preact/hooks';
import type { AddedUserView } from '../../contract/identity_schemas.ts';
import { call } from '../api/client.ts';
import { Submit } from '../parts/buttons.tsx';
import { Form, TextField } from '../parts/form.tsx';
import { DEFAULT_GRANT, GrantFields, grantOf } from '../parts/grants.tsx';
import { OneTimeLink } from '../parts/one_time_link.tsx';
import { Card, Page } from '../parts/page.tsx';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { linkTo } from '../state/route.ts';

const NAME = /^[a-z0-9._@-]{1,64}$/;

export function AddPersonPage() {
  const { people: m, shell } = messages.value;
  const [name, setName] = useState('');
  const [grant, setGrant] = useState(DEFAULT_GRANT);
  const [checked, setChecked] = useState(false);
  const [made, setMade] = useState<AddedUserView | null>(null);
  const isNamed = NAME.test(name.trim());
  const above = { text: m.title, href: linkTo('people') };
  if (made !== null) {
    return (
      <Page title={m.added(made.user.name)} above={above}>
        <OneTimeLink name={made.user.name} link={made.link} />
      </Page>
    );
  }
  return (
    <Page title={m.addTitle} above={above}>
      <Form
        label={m.addTitle}
        check={() => {
          setChecked(true);
          return isNamed;
        }}
        onSubmit={async () => {
          const added = await call('addUser', {}, { name: name.trim(), grants: [grantOf(grant)] });
          tell(m.added(added.user.name));
          setMade(added);
        }}
      >
        {(running) => (
          <>
            <Card title={m.addTitle}>
              <TextField
                label={m.name}
                value={name}
                onChange={setName}
                help={m.nameHelp}
                error={checked && !isNamed ? m.nameBad : null}
              />
              <GrantFields draft={grant} set={setGrant} />
            </Card>
            <div class="actions at-end">
              <a class="button plain" href={linkTo('people')}>
                {shell.cancel}
              </a>
              <Submit running={running} refused={refusalOf('user.change')}>
                {m.submit}
              </Submit>
            </div>
          </>
        )}
      </Form>
    </Page>
  );
}
