import type { Identity } from '../../access/identity.ts';
import { ACTIONS, type Action } from '../../access/rights/actions.ts';
import { maySomewhere } from '../../access/rights/decide.ts';
import type { Grant } from '../../access/rights/grant.ts';
import { ROLES, type Role } from '../../access/rights/roles.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import type {
  LinkView,
  LogInRequest,
  LookLinkRequest,
  MeView,
  RedeemedView,
  RedeemLinkRequest,
} from '../../contract/identity_schemas.ts';
import { type Call, type Caller, placeOf } from '../caller.ts';
import type { ServiceParts } from '../ports.ts';
import type { Procedure } from '../procedure.ts';

/** How people prove who they are. These procedures write their records themselves. */
export const SIGN_IN_PROCEDURES = {
  me: { act: async (parts, { caller }) => meView(parts, caller) },
  logIn: { act: logIn },
  logOut: { act: logOut },
  lookLink: { act: async ({ identity }, { body }) => lookLink(identity, body as LookLinkRequest) },
  redeemLink: { act: redeemLink },
} satisfies Record<string, Procedure>;

async function logIn(parts: ServiceParts, call: Call): Promise<MeView> {
  const { identity, trail } = parts;
  const request = call.body as LogInRequest;
  // A name that nobody has is not written down: people type passwords into the wrong field.
  const known = identity.users.byName(request.name)?.name ?? null;
  const resource = known === null ? '' : `user:${known}`;
  try {
    const issued = await identity.logIn({ ...request, address: placeOf(call.caller) });
    const principal = identity.bySession(issued.cookie);
    if (principal === null) throw new CausewayError('CW_AUTH_WRONG', 'the account was changed meanwhile');
    const { id } = issued.session;
    const caller: Caller = { ...call.caller, principal, session: { id, cookie: issued.cookie } };
    try {
      const details = { secondFactor: principal.secondFactor };
      await trail.note({ caller, action: 'session.start', resource, details });
    } catch (failure) {
      await identity.sessions.end(id);
      throw failure;
    }
    if (call.caller.session !== null) await identity.sessions.end(call.caller.session.id);
    call.setCookie(issued.cookie);
    parts.metrics.signedIn(null);
    return meView(parts, caller);
  } catch (failure) {
    parts.metrics.signedIn(asCausewayError(failure).code);
    trail.refused({ caller: call.caller, action: 'session.start', resource }, failure);
    throw failure;
  }
}

async function logOut({ identity, trail }: ServiceParts, { caller, setCookie }: Call): Promise<object> {
  setCookie(null);
  if (caller.session === null) return {};
  // Recorded after the act: to sign out is never refused.
  await identity.sessions.end(caller.session.id);
  await trail.note({ caller, action: 'session.end', resource: `user:${caller.principal.name}` });
  return {};
}

function lookLink({ links, users }: Identity, { link }: LookLinkRequest): LinkView {
  const { userId } = links.look(link);
  return userId === null ? { kind: 'first', name: null } : { kind: 'password', name: users.get(userId).name };
}

async function redeemLink(parts: ServiceParts, { body, caller }: Call): Promise<RedeemedView> {
  const { identity, trail } = parts;
  const { link, password, name } = body as RedeemLinkRequest;
  const found = lookLink(identity, { link });
  if (found.kind === 'first' && name === undefined)
    throw new CausewayError('CW_USAGE', 'the first administrator needs a name');
  if (found.kind === 'password' && name !== undefined)
    throw new CausewayError('CW_USAGE', 'the link is for a user who has a name already');
  const resource = `user:${(found.name ?? name ?? '').slice(0, 64)}`;
  const begun = await trail.begin({
    caller,
    action: 'user.change',
    resource,
    details: { by: 'one-time link' },
  });
  try {
    const userId =
      name === undefined
        ? await identity.setPasswordByLink(link, password)
        : await identity.becomeFirst(link, name, password);
    begun.done();
    return { name: identity.users.get(userId).name };
  } catch (failure) {
    begun.failed(failure);
    throw failure;
  }
}

/** Who the caller is, and what a page may offer. */
export function meView({ identity, clock }: ServiceParts, { principal, address, session }: Caller): MeView {
  const now = { nowMs: clock.wallMs(), address };
  const user = identity.users.byId(principal.userId);
  const actions = Object.keys(ACTIONS) as Action[];
  return {
    kind: principal.kind === 'user' || principal.kind === 'token' ? principal.kind : 'local',
    name: principal.name,
    role: highestRole(principal.grants),
    grants: [...principal.grants],
    bound: principal.bound && [...principal.bound],
    actions: actions.filter((action) => maySomewhere(principal, action, now)),
    secondFactor: principal.secondFactor,
    totp: user?.totp != null,
    recoveryCodesLeft: user?.recovery.length ?? 0,
    csrf: session && identity.sessions.csrfOf(session.cookie),
  };
}

export function highestRole(grants: readonly Grant[]): Role | null {
  return ROLES.findLast((role) => grants.some((grant) => grant.role === role)) ?? null;
}
