import { CausewayError } from '../../base/errors.ts';
import { formatUtcMinute } from '../../base/utc.ts';
import type { OneTimeLinkView, UserView } from '../../contract/identity_schemas.ts';
import { isTyped, readSecretLine } from '../../world/node/secret_input.ts';
import { grantsText, parseGrants } from '../grant_options.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';

/** `causeway user ls` */
export const userList: Action = async ({ client, terminal, json }) => {
  const users = await client.call('listUsers', {});
  const head = ['NAME', 'MAY', 'SECOND FACTOR', 'STATE'];
  terminal.out(json ? `${JSON.stringify(users)}\n` : `${table([head, ...users.map(row)])}\n`);
  return 0;
};

/** `causeway user show NAME` */
export const userShow: Action = async ({ client, terminal, json }, [name = '']) => {
  const user = await client.call('showUser', { name });
  terminal.out(json ? `${JSON.stringify(user)}\n` : `${details(user)}\n`);
  return 0;
};

/** `causeway user add NAME --role ROLE [--scope SCOPE…]` */
export const userAdd: Action = async ({ client, terminal, json }, [name = ''], options) => {
  const grants = parseGrants(options);
  if (grants === null) throw new CausewayError('CW_USAGE', 'say what the user may do: --role ROLE');
  const added = await client.call('addUser', {}, { name, grants });
  terminal.out(
    json
      ? `${JSON.stringify(added)}\n`
      : `${added.user.name} may be ${grantsText(grants)}\n${linkText(added.link)}`,
  );
  return 0;
};

/** `causeway user set NAME [--role ROLE [--scope SCOPE…]] [--disable|--enable] [--sign-out]` */
export const userSet: Action = async ({ client, terminal, json }, [name = ''], options) => {
  const grants = parseGrants(options);
  const { disable, enable, signOut } = options;
  if (disable === true && enable === true)
    throw new CausewayError('CW_USAGE', '--disable or --enable, not both');
  if (grants === null && !disable && !enable && !signOut)
    throw new CausewayError('CW_USAGE', 'say what is to change: --role, --disable, --enable or --sign-out');
  if (signOut === true) await client.call('endUserSessions', { name });
  const disabled = disable === true ? true : enable === true ? false : undefined;
  const user = await client.call(
    'setUser',
    { name },
    { ...(grants && { grants }), ...(disabled !== undefined && { disabled }) },
  );
  terminal.out(json ? `${JSON.stringify(user)}\n` : `${details(user)}\n`);
  return 0;
};

/** `causeway user rm NAME` */
export const userRemove: Action = async ({ client, terminal, json }, [name = '']) => {
  await client.call('removeUser', { name });
  if (json) terminal.out(`${JSON.stringify({ removed: name })}\n`);
  return 0;
};

/** `causeway user passwd NAME`: the password is typed, or the first line of standard input. */
export const userPassword: Action = async ({ client, terminal, json }, [name = '']) => {
  await client.call('showUser', { name }); // an unknown name is told before anybody types
  const password = await readSecretLine(`New password of ${name}`);
  if (isTyped() && (await readSecretLine('Once more')) !== password)
    throw new CausewayError('CW_USAGE', 'the two passwords differ: nothing was changed');
  await client.call('setUserPassword', { name }, { password });
  terminal.out(json ? `${JSON.stringify({ changed: name })}\n` : `${name} signs in with the new password\n`);
  return 0;
};

/** `causeway user link NAME` */
export const userLink: Action = async ({ client, terminal, json }, [name = '']) => {
  const link = await client.call('linkUser', { name });
  terminal.out(json ? `${JSON.stringify(link)}\n` : linkText(link));
  return 0;
};

function row(user: UserView): string[] {
  return [user.name, grantsText(user.grants), user.totp ? 'yes' : 'no', stateOf(user)];
}

function stateOf({ disabled, hasPassword }: UserView): string {
  return disabled ? 'disabled' : hasPassword ? 'active' : 'has no password yet';
}

function details(user: UserView): string {
  const { name, grants, totp, recoveryCodesLeft, sessions, tokens, createdAtMs } = user;
  return table([
    ['name', name],
    ['may', grantsText(grants)],
    ['state', stateOf(user)],
    ['second factor', totp ? `yes, ${recoveryCodesLeft} recovery codes left` : 'no'],
    ['signed in', `${sessions} browsers, ${tokens} tokens`],
    ['since', formatUtcMinute(createdAtMs)],
  ]);
}

function linkText({ link, url, expiresAtMs }: OneTimeLinkView): string {
  return `Who opens this sets the password, once, until ${formatUtcMinute(expiresAtMs)}:\n  ${url ?? link}\n`;
}
