import { useState } from 'preact/hooks';
import type { CreatedTokenView, TokenView } from '../../contract/identity_schemas.ts';
import { call } from '../api/client.ts';
import { Button } from '../parts/buttons.tsx';
import { CopyText } from '../parts/copy_text.tsx';
import { Confirm } from '../parts/dialog.tsx';
import { scopesText } from '../parts/grants.tsx';
import { Shown, useLoaded } from '../parts/loaded.tsx';
import { Time } from '../parts/marks.tsx';
import { Card, Page } from '../parts/page.tsx';
import { TokenForm } from '../parts/token_form.tsx';
import { now } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { may } from '../state/rights.ts';
import { me } from '../state/session.ts';

export function TokensPage() {
  const m = messages.value.tokens;
  const [made, setMade] = useState<CreatedTokenView | null>(null);
  const own = useLoaded(() => call('listOwnTokens', {}));
  return (
    <Page title={m.title} lead={m.lead}>
      {made !== null && (
        <Card title={m.made} lead={m.madeText}>
          <CopyText text={made.text} label={m.made} />
        </Card>
      )}
      <Card title={m.make}>
        <TokenForm
          onMade={async (token) => {
            setMade(token);
            await own.reload();
          }}
        />
      </Card>
      <Card title={m.mine}>
        <Shown loaded={own}>
          {(tokens) =>
            tokens.length === 0 ? (
              <p class="quiet">{`${m.emptyTitle}. ${m.emptyText}`}</p>
            ) : (
              <TokenRows tokens={tokens} own reload={own.reload} />
            )
          }
        </Shown>
      </Card>
      {may('user.read') && <Others />}
    </Page>
  );
}

/** What programs of other people may do. */
function Others() {
  const m = messages.value.tokens;
  const all = useLoaded(() => call('listTokens', {}));
  const { value } = me;
  const name = value === null || value === 'unknown' ? '' : value.name;
  const others = all.value?.filter((token) => token.user !== name) ?? [];
  if (others.length === 0) return null;
  return (
    <Card title={m.others}>
      <TokenRows tokens={others} own={false} reload={all.reload} />
    </Card>
  );
}

interface TokenRowsProps {
  readonly tokens: readonly TokenView[];
  readonly own: boolean;
  readonly reload: () => Promise<void>;
}

function TokenRows({ tokens, own, reload }: TokenRowsProps) {
  const { tokens: m, people } = messages.value;
  const [asking, setAsking] = useState<TokenView | null>(null);
  const revoke = async ({ id }: TokenView): Promise<void> => {
    await call(own ? 'revokeOwnToken' : 'revokeToken', { id });
    tell(m.revoked);
    await reload();
  };
  return (
    <>
      <ul class="rows">
        {tokens.map((token) => (
          <li key={token.id} class="row">
            <div class="row-main">
              <span class="end">
                <strong>{own ? token.label : `${token.user}: ${token.label}`}</strong>
                <span class="path">
                  {token.bound.map((grant) => people.roles[grant.role]).join(', ')}
                  {token.bound.length > 0 ? ` · ${scopesText(token.bound)}` : m.allowsAll}
                </span>
              </span>
              <div class="row-marks">
                <span>
                  {`${token.expiresAtMs < now.value ? m.expired : m.expires} `}
                  <Time atMs={token.expiresAtMs} />
                </span>
                <span>
                  {token.lastUsedAtMs === null ? m.neverUsed : `${m.used} `}
                  {token.lastUsedAtMs !== null && <Time atMs={token.lastUsedAtMs} />}
                </span>
                <Button label={`${m.revoke}: ${token.label}`} onPress={() => setAsking(token)}>
                  {m.revoke}
                </Button>
              </div>
            </div>
          </li>
        ))}
      </ul>
      {asking !== null && (
        <Confirm
          title={m.revokeTitle(asking.label)}
          yes={m.revoke}
          no={m.keep}
          danger
          onYes={() => revoke(asking)}
          onClose={() => setAsking(null)}
        >
          {m.revokeText}
        </Confirm>
      )}
    </>
  );
}
