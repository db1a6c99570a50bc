import { useState } from 'preact/hooks';
import type { OneTimeLinkView, UserView } from '../../contract/identity_schemas.ts';
import { call } from '../api/client.ts';
import { Button, Submit } from '../parts/buttons.tsx';
import { Form } from '../parts/form.tsx';
import { DEFAULT_GRANT, GrantFields, grantOf, roleText, scopesText } from '../parts/grants.tsx';
import { Shown, useLoaded } from '../parts/loaded.tsx';
import { Time } from '../parts/marks.tsx';
import { OneTimeLink } from '../parts/one_time_link.tsx';
import { Card, Facts, Page } from '../parts/page.tsx';
import { PersonActions } from '../parts/person_actions.tsx';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { linkTo } from '../state/route.ts';

export function PersonPage({ name }: { readonly name: string }) {
  const m = messages.value.people;
  const loaded = useLoaded(() => call('showUser', { name }));
  const [link, setLink] = useState<OneTimeLinkView | null>(null);
  return (
    <Page title={name} above={{ text: m.title, href: linkTo('people') }}>
      {link !== null && <OneTimeLink name={name} link={link} />}
      <Shown loaded={loaded}>
        {(user) => (
          <>
            <Card title={m.about}>
              <UserFacts user={user} />
            </Card>
            <Rights key={JSON.stringify(user.grants)} user={user} reload={loaded.reload} />
            <Card title={m.actions}>
              <div class="actions">
                <Button
                  refused={refusalOf('user.change')}
                  onPress={async () => setLink(await call('linkUser', { name }))}
                >
                  {m.newLink}
                </Button>
                <PersonActions user={user} reload={loaded.reload} />
              </div>
            </Card>
          </>
        )}
      </Shown>
    </Page>
  );
}

function UserFacts({ user }: { readonly user: UserView }) {
  const { people: m, account } = messages.value;
  return (
    <Facts
      facts={[
        { name: m.role, value: roleText(user) },
        { name: m.scopes, value: scopesText(user.grants) },
        {
          name: m.factor,
          value: user.totp ? `${m.factorOn} · ${account.codesLeft(user.recoveryCodesLeft)}` : m.factorOff,
        },
        { name: m.sessions, value: m.sessionsCount(user.sessions) },
        { name: m.since, value: <Time atMs={user.createdAtMs} /> },
        user.disabled ? { name: m.disabled, value: messages.value.job.yes } : null,
        user.hasPassword ? null : { name: account.password, value: m.noPassword },
      ]}
    />
  );
}

interface RightsProps {
  readonly user: UserView;
  readonly reload: () => Promise<void>;
}

function Rights({ user, reload }: RightsProps) {
  const { people: m, shell } = messages.value;
  const [first] = user.grants;
  const [draft, setDraft] = useState(
    first === undefined ? DEFAULT_GRANT : { role: first.role, scopes: first.scopes.join('\n') },
  );
  const isSimple = user.grants.length <= 1 && first?.when === undefined;
  if (!isSimple) {
    return (
      <Card title={m.change}>
        <p>{m.manyGrants}</p>
      </Card>
    );
  }
  return (
    <Card title={m.change}>
      <Form
        label={m.change}
        onSubmit={async () => {
          await call('setUser', { name: user.name }, { grants: [grantOf(draft)] });
          tell(m.changed);
          await reload();
        }}
      >
        {(running) => (
          <>
            <div>
              <GrantFields draft={draft} set={setDraft} />
            </div>
            <div class="actions">
              <Submit running={running} refused={refusalOf('user.change')}>
                {shell.save}
              </Submit>
            </div>
          </>
        )}
      </Form>
    </Card>
  );
}
