import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { UserRecord, UserState } from './records.ts';

/* Changes of the state of all users, as functions of it: what is stored next. */

/** CW_USER_UNKNOWN. */
export function userIn(state: UserState, userId: string): UserRecord {
  const user = state.users.find((one) => one.id === userId);
  if (user === undefined) throw new CausewayError('CW_USER_UNKNOWN', 'the user does not exist any more');
  return user;
}

/** CW_USER_EXISTS, CW_LIMIT. */
export function withUser(state: UserState, user: UserRecord): UserState {
  if (state.users.some((one) => one.name === user.name)) {
    throw new CausewayError('CW_USER_EXISTS', `there is a user ${user.name} already`);
  }
  if (state.users.length >= LIMITS.usersMax.value) {
    throw new CausewayError('CW_LIMIT', `there are ${LIMITS.usersMax.value} users already`);
  }
  return { ...state, users: [...state.users, user] };
}

/** CW_USER_UNKNOWN, CW_USER_LAST_ADMIN. */
export function withChanged(
  state: UserState,
  userId: string,
  patch: (user: UserRecord) => Partial<UserRecord>,
): UserState {
  const user = userIn(state, userId);
  const changed = { ...user, ...patch(user) };
  return kept(state, { ...state, users: state.users.map((one) => (one === user ? changed : one)) });
}

/** Also removes the user's tokens and links. CW_USER_UNKNOWN, CW_USER_LAST_ADMIN. */
export function withoutUser(state: UserState, userId: string): UserState {
  const user = userIn(state, userId);
  const isOthers = (one: { readonly userId: string | null }): boolean => one.userId !== userId;
  return kept(state, {
    users: state.users.filter((one) => one !== user),
    tokens: state.tokens.filter(isOthers),
    links: state.links.filter(isOthers),
  });
}

/** Whether the user can sign in and manage users, always. */
function isKeeper(user: UserRecord): boolean {
  const isFull = user.grants.some(
    (grant) => grant.role === 'admin' && grant.when === undefined && grant.scopes.includes('*'),
  );
  return isFull && !user.disabled && user.password !== null;
}

/** Refuses to lose the last one who can manage users. */
function kept(before: UserState, after: UserState): UserState {
  if (before.users.some(isKeeper) && !after.users.some(isKeeper)) {
    throw new CausewayError('CW_USER_LAST_ADMIN', 'no other user could manage users then');
  }
  return after;
}
