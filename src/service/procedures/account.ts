import { fullGrant, type Grant } from '../../access/rights/grant.ts';
import { qrSvg } from '../../access/second_factor/enrolment.ts';
import type { TokenRecord } from '../../access/users/records.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type {
  BeginTotpRequest,
  ChangePasswordRequest,
  CodeRequest,
  CreatedTokenView,
  CreateTokenRequest,
  RecoveryCodesView,
  SessionView,
  TokenView,
  TotpView,
} from '../../contract/identity_schemas.ts';
import { type Call, param, placeOf } from '../caller.ts';
import type { ServiceParts } from '../ports.ts';
import type { Procedure } from '../procedure.ts';

const ISSUER = 'Causeway';

/** What people do with their own account. */
export const ACCOUNT_PROCEDURES = {
  changePassword: own('password', async ({ identity }, { caller, body, setCookie }) => {
    const { old, new: next } = body as ChangePasswordRequest;
    await identity.changePassword(caller.principal.userId, { old, new: next, address: placeOf(caller) });
    setCookie(null); // all sessions have ended
    return {};
  }),
  listSessions: own('sessions', async (parts, call) => sessionViews(parts, call)),
  endSession: own('session', endOwnSession),
  beginTotp: own('new authenticator', async (parts, { caller, body }) => {
    const { userId } = caller.principal;
    const { code } = body as BeginTotpRequest;
    if (parts.identity.users.get(userId).totp !== null) {
      await parts.identity.proveCode(userId, code ?? '', placeOf(caller));
    }
    return beginTotp(parts, userId);
  }),
  confirmTotp: own('authenticator on', (parts, { caller, body }) =>
    confirmTotp(parts, caller.principal.userId, body as CodeRequest),
  ),
  clearTotp: own('authenticator off', async ({ identity }, { caller, body, setCookie }) => {
    const { userId } = caller.principal;
    await identity.proveCode(userId, (body as CodeRequest).code, placeOf(caller));
    await identity.secondFactors.clear(userId);
    setCookie(null); // all sessions have ended
    return {};
  }),
  renewRecovery: own('new recovery codes', async ({ identity }, { caller, body }) => {
    const { userId } = caller.principal;
    await identity.proveCode(userId, (body as CodeRequest).code, placeOf(caller));
    return { codes: [...(await identity.secondFactors.renewRecoveryCodes(userId))] };
  }),
  listOwnTokens: own('tokens', async (parts, { caller }) => tokenViews(parts, caller.principal.userId)),
  createToken: own('new token', (parts, { caller, body }) =>
    createToken(parts, caller.principal.userId, body as CreateTokenRequest),
  ),
  revokeOwnToken: own('token revoked', async ({ identity }, call) => {
    const id = param(call, 'id');
    const isOwn = identity.tokens.list(call.caller.principal.userId).some((token) => token.id === id);
    if (!isOwn) throw new CausewayError('CW_TOKEN_UNKNOWN', `there is no token ${id}`);
    await identity.tokens.revoke(id);
    return {};
  }),
} satisfies Record<string, Procedure>;

function own(what: string, act: Procedure['act']): Procedure {
  return {
    subject: ({ identity }, { caller }) => `user:${identity.users.get(caller.principal.userId).name}`,
    details: (call) => ({ what, ...(call.params['id'] && { id: call.params['id'] }) }),
    act,
  };
}

export async function beginTotp({ identity }: ServiceParts, userId: string): Promise<TotpView> {
  const uri = await identity.secondFactors.begin(userId, ISSUER);
  return { uri, secret: new URL(uri).searchParams.get('secret') ?? '', qrSvg: qrSvg(uri) };
}

export async function confirmTotp(
  { identity }: ServiceParts,
  userId: string,
  { code }: CodeRequest,
): Promise<RecoveryCodesView> {
  return { codes: [...(await identity.secondFactors.confirm(userId, code))] };
}

export async function createToken(
  parts: ServiceParts,
  userId: string,
  { label, bound, lifeMs }: CreateTokenRequest,
): Promise<CreatedTokenView> {
  const { token, text } = await parts.identity.tokens.issue({
    userId,
    label,
    bound: bound ?? ([fullGrant('admin')] satisfies Grant[]), // all that the user may
    lifeMs: lifeMs ?? LIMITS.tokenLifeDefaultMs.value,
  });
  return { token: tokenView(parts, token), text };
}

export function tokenViews(parts: ServiceParts, userId?: string): TokenView[] {
  return parts.identity.tokens.list(userId).map((token) => tokenView(parts, token));
}

function tokenView({ identity }: ServiceParts, token: TokenRecord): TokenView {
  const { id, userId, label, bound, createdAtMs, expiresAtMs, lastUsedAtMs } = token;
  const user = identity.users.byId(userId)?.name ?? '';
  return { id, user, label, bound: [...bound], createdAtMs, expiresAtMs, lastUsedAtMs };
}

function sessionViews({ identity }: ServiceParts, { caller }: Call): SessionView[] {
  const user = identity.users.get(caller.principal.userId);
  return identity.sessions.list(user).map(({ id, address, createdAtMs, lastSeenAtMs, secondFactor }) => {
    const current = id === caller.session?.id;
    return { id, address, createdAtMs, lastSeenAtMs, secondFactor, current };
  });
}

async function endOwnSession({ identity }: ServiceParts, call: Call): Promise<object> {
  const id = param(call, 'id');
  const user = identity.users.get(call.caller.principal.userId);
  const isOwn = identity.sessions.list(user).some((session) => session.id === id);
  if (isOwn) await identity.sessions.end(id);
  if (id === call.caller.session?.id) call.setCookie(null);
  return {};
}
