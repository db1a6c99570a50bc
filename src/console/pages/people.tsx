import type { UserView } from '../../contract/identity_schemas.ts';
import { call } from '../api/client.ts';
import { LinkButton } from '../parts/buttons.tsx';
import { roleText, scopesText } from '../parts/grants.tsx';
import { Shown, useLoaded } from '../parts/loaded.tsx';
import { Mark } from '../parts/marks.tsx';
import { Card, Page } from '../parts/page.tsx';
import { messages } from '../state/language.ts';
import { may } from '../state/rights.ts';
import { linkTo } from '../state/route.ts';

export function PeoplePage() {
  const m = messages.value.people;
  const users = useLoaded(() => call('listUsers', {}));
  return (
    <Page
      title={m.title}
      lead={m.lead}
      actions={
        may('user.change') && (
          <LinkButton kind="primary" href={linkTo('people', 'add')}>
            {m.add}
          </LinkButton>
        )
      }
    >
      <Card title={m.title}>
        <Shown loaded={users}>
          {(list) => (
            <ul class="rows">
              {list.map((user) => (
                <UserRow key={user.id} user={user} />
              ))}
            </ul>
          )}
        </Shown>
      </Card>
    </Page>
  );
}

function UserRow({ user }: { readonly user: UserView }) {
  const m = messages.value.people;
  return (
    <li class="row" data-user={user.name}>
      <div class="row-main">
        <a class="row-link" href={linkTo('people', user.name)}>
          <span class="end">
            <strong>{user.name}</strong>
            <span class="path">{`${roleText(user)} · ${scopesText(user.grants)}`}</span>
          </span>
        </a>
        <div class="row-marks">
          {!user.hasPassword && <Mark tone="warn">{m.noPassword}</Mark>}
          {user.disabled && <Mark tone="bad">{m.disabled}</Mark>}
          <Mark tone={user.totp ? 'good' : 'quiet'}>
            {`${m.factor}: ${user.totp ? m.factorOn : m.factorOff}`}
          </Mark>
        </div>
      </div>
    </li>
  );
}
