import { useState } from 'preact/hooks';
import type { UserView } from '../../contract/identity_schemas.ts';
import { call } from '../api/client.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { goTo } from '../state/route.ts';
import { Button } from './buttons.tsx';
import { Confirm } from './dialog.tsx';

interface PersonActionsProps {
  readonly user: UserView;
  readonly reload: () => Promise<void>;
}

/** What an administrator can do with somebody's account. */
export function PersonActions({ user: { name, disabled, totp }, reload }: PersonActionsProps) {
  const m = messages.value.people;
  const [asking, setAsking] = useState<'remove' | 'factor' | null>(null);
  const refused = refusalOf('user.change');
  const act = async (work: Promise<unknown>, done: string): Promise<void> => {
    await work;
    tell(done);
    await reload();
  };
  const block = (): Promise<void> =>
    act(call('setUser', { name }, { disabled: !disabled }), disabled ? m.unblocked(name) : m.blocked(name));
  const remove = async (): Promise<void> => {
    await call('removeUser', { name });
    tell(m.removed(name));
    goTo('people');
  };
  return (
    <>
      <Button refused={refused} onPress={() => act(call('endUserSessions', { name }), m.ended(name))}>
        {m.endSessions}
      </Button>
      {totp && (
        <Button refused={refused} onPress={() => setAsking('factor')}>
          {m.clearFactor}
        </Button>
      )}
      <Button refused={refused} onPress={block}>
        {disabled ? m.unblock : m.block}
      </Button>
      <Button refused={refused} onPress={() => setAsking('remove')}>
        {m.remove}
      </Button>
      {asking === 'factor' && (
        <Confirm
          title={m.clearFactor}
          yes={m.clearFactor}
          no={m.keep}
          onYes={() => act(call('clearUserTotp', { name }), m.cleared)}
          onClose={() => setAsking(null)}
        >
          {m.clearFactorText}
        </Confirm>
      )}
      {asking === 'remove' && (
        <Confirm
          title={m.removeTitle(name)}
          yes={m.remove}
          no={m.keep}
          danger
          onYes={remove}
          onClose={() => setAsking(null)}
        >
          {m.removeText}
        </Confirm>
      )}
    </>
  );
}
