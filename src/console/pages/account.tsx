import { useState } from 'preact/hooks';
import type { MeView, SessionView } from '../../contract/identity_schemas.ts';
import { call } from '../api/client.ts';
import { Button, Submit } from '../parts/buttons.tsx';
import { Form, TextField } from '../parts/form.tsx';
import { roleText, scopesText } from '../parts/grants.tsx';
import { Shown, useLoaded } from '../parts/loaded.tsx';
import { Mark, Time } from '../parts/marks.tsx';
import { isPasswordReady, NewPassword, NO_PASSWORD } from '../parts/new_password.tsx';
import { Card, Facts, Page } from '../parts/page.tsx';
import { SecondFactor } from '../parts/second_factor.tsx';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { me, signedOut } from '../state/session.ts';

export function AccountPage() {
  const { account: m, people } = messages.value;
  const who = me.value as MeView;
  return (
    <Page title={m.title}>
      <Card title={m.about}>
        <Facts
          facts={[
            { name: people.name, value: who.name },
            { name: people.role, value: roleText(who) },
            { name: people.scopes, value: scopesText(who.grants) },
          ]}
        />
      </Card>
      <SecondFactor who={who} />
      <Password />
      <Sessions />
    </Page>
  );
}

function Password() {
  const { account: m, access } = messages.value;
  const [old, setOld] = useState('');
  const [draft, setDraft] = useState(NO_PASSWORD);
  const [checked, setChecked] = useState(false);
  return (
    <Card title={m.password}>
      <Form
        label={m.changePassword}
        check={() => {
          setChecked(true);
          return old !== '' && isPasswordReady(draft);
        }}
        onSubmit={async () => {
          await call('changePassword', {}, { old, new: draft.password });
          tell(m.changed);
          signedOut();
        }}
      >
        {(running) => (
          <>
            <div class="narrow">
              <TextField
                label={m.old}
                type="password"
                autocomplete="current-password"
                value={old}
                onChange={setOld}
                error={checked && old === '' ? access.needPassword : null}
              />
              <NewPassword draft={draft} set={setDraft} checked={checked} />
            </div>
            <div class="actions">
              <Submit running={running}>{m.changePassword}</Submit>
            </div>
          </>
        )}
      </Form>
    </Card>
  );
}

function Sessions() {
  const m = messages.value.account;
  const loaded = useLoaded(() => call('listSessions', {}));
  const end = async ({ id }: SessionView): Promise<void> => {
    await call('endSession', { id });
    tell(m.ended);
    await loaded.reload();
  };
  return (
    <Card title={m.sessions}>
      <Shown loaded={loaded}>
        {(sessions) => (
          <ul class="rows">
            {sessions.map((session) => (
              <li key={session.id} class="row">
                <div class="row-main">
                  <span class="end">
                    <strong>{session.address}</strong>
                    <span class="path">
                      {`${m.lastSeen} `}
                      <Time atMs={session.lastSeenAtMs} />
                    </span>
                  </span>
                  {session.current ? (
                    <Mark tone="good">{m.here}</Mark>
                  ) : (
                    <Button onPress={() => end(session)}>{m.end}</Button>
                  )}
                </div>
              </li>
            ))}
          </ul>
        )}
      </Shown>
    </Card>
  );
}
