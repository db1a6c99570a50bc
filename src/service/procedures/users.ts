import { checkGrants, type Grant } from '../../access/rights/grant.ts';
import type { UserRecord } from '../../access/users/records.ts';
import { CausewayError } from '../../base/errors.ts';
import type {
  AddedUserView,
  AddUserRequest,
  CodeRequest,
  CreateTokenRequest,
  OneTimeLinkView,
  SetPasswordRequest,
  SetUserRequest,
  UserView,
} from '../../contract/identity_schemas.ts';
import { type Call, param } from '../caller.ts';
import type { ServiceParts } from '../ports.ts';
import type { Details, Procedure } from '../procedure.ts';
import { beginTotp, confirmTotp, createToken, tokenViews } from './account.ts';
import { highestRole } from './sign_in.ts';

/** What administrators do with users. */
export const USER_PROCEDURES = {
  listUsers: {
    act: async (parts) => parts.identity.users.list().map((user) => userView(parts, user)),
  },
  addUser: {
    subject: (_parts, { body }) => `user:${(body as AddUserRequest).name}`,
    details: ({ body }) => grantDetails((body as AddUserRequest).grants),
    act: (parts, { body }) => addUser(parts, body as AddUserRequest),
  },
  showUser: one('', async (parts, user) => userView(parts, user)),
  setUser: {
    ...one('rights', (parts, user, { body }) => setUser(parts, user, body as SetUserRequest)),
    details: ({ body }) => setDetails(body as SetUserRequest),
  },
  removeUser: one('removed', async ({ identity }, { id }) => {
    await identity.users.remove(id);
    return {};
  }),
  linkUser: one('one-time link', (parts, { id }) => linkFor(parts, id)),
  setUserPassword: one('password', async ({ identity }, { id }, { body }) => {
    await identity.setPassword(id, (body as SetPasswordRequest).password);
    return {};
  }),
  endUserSessions: one('signed out everywhere', async ({ identity }, { id }) => {
    await identity.users.endSessions(id);
    return {};
  }),
  beginUserTotp: one('new authenticator', (parts, { id }) => beginTotp(parts, id)),
  confirmUserTotp: one('authenticator on', (parts, { id }, { body }) =>
    confirmTotp(parts, id, body as CodeRequest),
  ),
  clearUserTotp: one('authenticator off', async ({ identity }, { id }) => {
    await identity.secondFactors.clear(id);
    return {};
  }),
  createUserToken: one('new token', (parts, { id }, { body }) =>
    createToken(parts, id, body as CreateTokenRequest),
  ),
  listTokens: { act: async (parts) => tokenViews(parts) },
  revokeToken: {
    subject: (_parts, call) => `token:${param(call, 'id')}`,
    act: async ({ identity }, call) => {
      await identity.tokens.revoke(param(call, 'id'));
      return {};
    },
  },
} satisfies Record<string, Procedure>;

type ActOnUser = (parts: ServiceParts, user: UserRecord, call: Call) => Promise<unknown>;

/** About the user that the path names. CW_USER_UNKNOWN. */
function one(what: string, act: ActOnUser): Procedure {
  return {
    subject: (_parts, call) => `user:${param(call, 'name')}`,
    details: () => ({ what }),
    act: async (parts, call) => {
      const name = param(call, 'name');
      const user = parts.identity.users.byName(name);
      if (user === null) throw new CausewayError('CW_USER_UNKNOWN', `there is no user ${name}`);
      return act(parts, user, call);
    },
  };
}

async function addUser(parts: ServiceParts, { name, grants }: AddUserRequest): Promise<AddedUserView> {
  const user = await parts.identity.users.add(name, grants);
  return { user: userView(parts, user), link: await linkFor(parts, user.id) };
}

async function setUser(
  parts: ServiceParts,
  user: UserRecord,
  { grants, disabled }: SetUserRequest,
): Promise<UserView> {
  const { users } = parts.identity;
  if (grants !== undefined) checkGrants(grants); // before anything of the request is done
  if (disabled !== undefined && disabled !== user.disabled) await users.setDisabled(user.id, disabled);
  if (grants !== undefined) await users.setGrants(user.id, grants);
  return userView(parts, users.get(user.id));
}

async function linkFor({ identity, daemon }: ServiceParts, userId: string): Promise<OneTimeLinkView> {
  const { text, expiresAtMs } = await identity.links.issueFor(userId);
  const url = daemon.consoleUrl();
  return { link: text, url: url === null ? null : `${url}/#/welcome/${text}`, expiresAtMs };
}

function userView({ identity }: ServiceParts, user: UserRecord): UserView {
  return {
    id: user.id,
    name: user.name,
    role: highestRole(user.grants),
    grants: [...user.grants],
    disabled: user.disabled,
    hasPassword: user.password !== null,
    totp: user.totp !== null,
    recoveryCodesLeft: user.recovery.length,
    createdAtMs: user.createdAtMs,
    sessions: identity.sessions.list(user).length,
    tokens: identity.tokens.list(user.id).length,
  };
}

function grantDetails(grants: readonly Grant[]): Details {
  return { grants: JSON.stringify(grants).slice(0, 8_192) };
}

function setDetails({ grants, disabled }: SetUserRequest): Details {
  return {
    what: 'rights',
    ...(grants && grantDetails(grants)),
    ...(disabled !== undefined && { disabled }),
  };
}
