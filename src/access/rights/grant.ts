import { type Static, Type } from 'typebox';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseIp } from '../guard/ip_address.ts';
import { isIn, parseNetwork } from '../guard/network.ts';
import { parseScope, type Scope } from './scope.ts';

const MINUTES_OF_DAY = 24 * 60;
const MINUTE_MS = 60_000;
const Strict = { additionalProperties: false } as const;

/** Circumstances in which a grant holds; all that are given must be met. */
export const Conditions = Type.Object(
  {
    /** Milliseconds since 1970 UTC: from the first one, and before the second one. */
    fromMs: Type.Optional(Type.Number()),
    untilMs: Type.Optional(Type.Number()),
    /** Networks that the request comes from. */
    addresses: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), { maxItems: LIMITS.grantItemsMax.value }),
    ),
    /** Signed in with a second factor. */
    secondFactor: Type.Optional(Type.Literal(true)),
    /** Minutes of the day, UTC; a window may pass midnight. */
    hoursUtc: Type.Optional(
      Type.Object(
        {
          fromMinute: Type.Integer({ minimum: 0, maximum: MINUTES_OF_DAY - 1 }),
          toMinute: Type.Integer({ minimum: 0, maximum: MINUTES_OF_DAY - 1 }),
        },
        Strict,
      ),
    ),
  },
  Strict,
);
export type Conditions = Static<typeof Conditions>;

/** A role, what it reaches, and when. Scopes are texts that {@link parseScope} reads. */
export const Grant = Type.Object(
  {
    role: Type.Union([Type.Literal('viewer'), Type.Literal('operator'), Type.Literal('admin')]),
    scopes: Type.Array(Type.String({ maxLength: 4_200 }), {
      minItems: 1,
      maxItems: LIMITS.grantItemsMax.value,
    }),
    when: Type.Optional(Conditions),
  },
  Strict,
);
export type Grant = Static<typeof Grant>;

export const Grants = Type.Array(Grant, { maxItems: LIMITS.grantsMax.value });

/** The circumstances of a request. `address` is null for a local channel. */
export interface Circumstances {
  readonly nowMs: number;
  readonly address: string | null;
  readonly secondFactor: boolean;
}

/** A grant that reaches everything, always. */
export function fullGrant(role: Grant['role']): Grant {
  return { role, scopes: ['*'] };
}

/** Refuses what could not be decided by later: a scope or a network that cannot be read. CW_USAGE. */
export function checkGrants(grants: readonly Grant[]): void {
  if (grants.length > LIMITS.grantsMax.value) {
    throw new CausewayError('CW_USAGE', `a user or token has at most ${LIMITS.grantsMax.value} grants`);
  }
  for (const grant of grants) {
    for (const scope of grant.scopes) parseScope(scope);
    for (const address of grant.when?.addresses ?? []) parseNetwork(address);
  }
}

const parsedScopes = new WeakMap<Grant, readonly Scope[]>();

/** The scopes of a grant, read once. */
export function scopesOf(grant: Grant): readonly Scope[] {
  const known = parsedScopes.get(grant);
  if (known !== undefined) return known;
  const scopes = grant.scopes.map(parseScope);
  parsedScopes.set(grant, scopes);
  return scopes;
}

export function conditionsHold(when: Conditions | undefined, now: Circumstances): boolean {
  if (when === undefined) return true;
  if (when.fromMs !== undefined && now.nowMs < when.fromMs) return false;
  if (when.untilMs !== undefined && now.nowMs >= when.untilMs) return false;
  if (when.secondFactor === true && !now.secondFactor) return false;
  if (when.hoursUtc !== undefined && !isWithin(when.hoursUtc, now.nowMs)) return false;
  return when.addresses === undefined || isFrom(when.addresses, now.address);
}

function isWithin(
  { fromMinute, toMinute }: { fromMinute: number; toMinute: number },
  nowMs: number,
): boolean {
  const minute = Math.floor(nowMs / MINUTE_MS) % MINUTES_OF_DAY;
  return fromMinute <= toMinute
    ? minute >= fromMinute && minute < toMinute
    : minute >= fromMinute || minute < toMinute;
}

function isFrom(networks: readonly string[], address: string | null): boolean {
  const ip = address === null ? null : parseIp(address);
  return ip !== null && networks.some((network) => isIn(parseNetwork(network), ip));
}
