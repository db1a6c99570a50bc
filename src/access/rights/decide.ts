import { CausewayError } from '../../base/errors.ts';
import { ACTIONS, type Action, type ActionRule } from './actions.ts';
import { type Circumstances, conditionsHold, type Grant, scopesOf } from './grant.ts';
import type { Principal } from './principal.ts';
import { includesRole } from './roles.ts';
import { covers, type Resource } from './scope.ts';

/** Why not: the role is too low, the grants reach elsewhere, their conditions are not met, or nothing was named to decide on. */
export type Refusal = 'role' | 'scope' | 'condition' | 'resource';

export type Decision = { readonly allowed: true } | { readonly allowed: false; readonly reason: Refusal };

const ALLOWED: Decision = { allowed: true };
const RESOURCE_OF = { vm: 'vm', path: 'path', own: 'account' } as const;

/**
 * Whether `principal` may do `action` to all of `resources`, now. Pure, and no unless a grant says yes: what the action
 * touches must be named, of the kind that its rule is about; an unknown action is refused.
 */
export function decide(
  principal: Principal,
  action: Action,
  resources: readonly Resource[],
  now: Omit<Circumstances, 'secondFactor'>,
): Decision {
  const rule: ActionRule | undefined = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
  if (rule === undefined || !isNamed(rule, resources)) return refused('resource');
  const circumstances = { ...now, secondFactor: principal.secondFactor };
  if (rule.reach === 'own') return decideOwn(principal, rule, resources, circumstances);
  const decision = byGrants(principal.grants, rule, resources, circumstances);
  if (!decision.allowed || principal.bound === null) return decision;
  return byGrants(principal.bound, rule, resources, circumstances);
}

/** Whether there is anything that `principal` may do `action` to, now: what a page offers. Each request is decided by itself. */
export function maySomewhere(
  principal: Principal,
  action: Action,
  now: Omit<Circumstances, 'secondFactor'>,
): boolean {
  const rule: ActionRule = ACTIONS[action];
  if (rule.reach === 'own') {
    return decide(principal, action, [{ kind: 'account', userId: principal.userId }], now).allowed;
  }
  const circumstances = { ...now, secondFactor: principal.secondFactor };
  const anywhere: ActionRule = rule.reach === 'all' ? rule : { ...rule, reach: 'any' };
  const allows = (grants: readonly Grant[]) => byGrants(grants, anywhere, [], circumstances).allowed;
  return allows(principal.grants) && (principal.bound === null || allows(principal.bound));
}

/** {@link decide}, as CW_ACCESS_DENIED. */
export function demand(...request: Parameters<typeof decide>): void {
  const decision = decide(...request);
  if (decision.allowed) return;
  const [principal, action] = request;
  throw new CausewayError(
    'CW_ACCESS_DENIED',
    `${principal.name} may not do ${action}: ${TEXTS[decision.reason]}`,
  );
}

const TEXTS: Readonly<Record<Refusal, string>> = {
  role: 'the role does not include it',
  scope: 'it lies outside of what the role is limited to',
  condition: 'the right holds at another time, from another address, or with a second factor only',
  resource: 'it is not said what it is about',
};

function isNamed(rule: ActionRule, resources: readonly Resource[]): boolean {
  if (rule.reach === 'any' || rule.reach === 'all') return resources.length === 0;
  const kind = RESOURCE_OF[rule.reach];
  return resources.length > 0 && resources.every((resource) => resource.kind === kind);
}

/** A token may look at its user's account and change nothing of it: a stolen one must not make others. */
function decideOwn(
  principal: Principal,
  rule: ActionRule,
  resources: readonly Resource[],
  now: Circumstances,
): Decision {
  const isOwn = resources.every((one) => one.kind === 'account' && one.userId === principal.userId);
  if (!isOwn || principal.userId === '') return refused('scope');
  if (rule.changes && principal.kind === 'token') return refused('scope');
  return principal.grants.some((grant) => conditionsHold(grant.when, now)) ? ALLOWED : refused('condition');
}

/** Each resource needs one grant that has the role, reaches it and holds; not all the same one. */
function byGrants(
  grants: readonly Grant[],
  rule: ActionRule,
  resources: readonly Resource[],
  now: Circumstances,
): Decision {
  const withRole = grants.filter((grant) => includesRole(grant.role, rule.role));
  if (withRole.length === 0) return refused('role');
  const needed: readonly (Resource | null)[] = resources.length === 0 ? [null] : resources;
  for (const resource of needed) {
    const reaching = withRole.filter((grant) => reaches(grant, rule, resource));
    if (reaching.length === 0) return refused('scope');
    if (!reaching.some((grant) => conditionsHold(grant.when, now))) return refused('condition');
  }
  return ALLOWED;
}

function reaches(grant: Grant, rule: ActionRule, resource: Resource | null): boolean {
  if (resource === null) return rule.reach === 'any' || scopesOf(grant).some((scope) => scope.kind === 'all');
  return scopesOf(grant).some((scope) => covers(scope, resource, rule.changes));
}

function refused(reason: Refusal): Decision {
  return { allowed: false, reason };
}
