import { formatUtcMinute } from '../../base/utc.ts';
import type { TokenView } from '../../contract/identity_schemas.ts';
import { grantsText, parseGrants } from '../grant_options.ts';
import { parseCount } from '../option_numbers.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';

const DAY_MS = 86_400_000;
const DAYS_MAX = 366;

/** `causeway token create USER --label TEXT [--role ROLE [--scope SCOPE…]] [--days N]` */
export const tokenCreate: Action = async ({ client, terminal, json }, [name = ''], options) => {
  const bound = parseGrants(options);
  const days = options['days'];
  const request = {
    label: String(options['label'] ?? 'made on the command line'),
    ...(bound && { bound }),
    ...(days !== undefined && { lifeMs: parseCount(String(days), '--days', DAYS_MAX) * DAY_MS }),
  };
  const created = await client.call('createUserToken', { name }, request);
  if (json) terminal.out(`${JSON.stringify(created)}\n`);
  else {
    terminal.err(
      `A token of ${name} until ${formatUtcMinute(created.token.expiresAtMs)}. It is shown this once:\n`,
    );
    terminal.out(`${created.text}\n`);
  }
  return 0;
};

/** `causeway token ls` */
export const tokenList: Action = async ({ client, terminal, json }) => {
  const tokens = await client.call('listTokens', {});
  const head = ['ID', 'USER', 'FOR', 'MAY AT MOST', 'UNTIL', 'LAST USED'];
  terminal.out(json ? `${JSON.stringify(tokens)}\n` : `${table([head, ...tokens.map(row)])}\n`);
  return 0;
};

/** `causeway token rm ID` */
export const tokenRemove: Action = async ({ client, terminal, json }, [id = '']) => {
  await client.call('revokeToken', { id });
  if (json) terminal.out(`${JSON.stringify({ removed: id })}\n`);
  return 0;
};

function row({ id, user, label, bound, expiresAtMs, lastUsedAtMs }: TokenView): string[] {
  const used = lastUsedAtMs === null ? 'never' : formatUtcMinute(lastUsedAtMs);
  return [id, user, label, grantsText(bound), formatUtcMinute(expiresAtMs), used];
}
