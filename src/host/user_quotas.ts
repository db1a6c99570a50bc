import { CausewayError } from '../base/errors.ts';
import type { UserQuota } from './share_store.ts';

/** The part of a record of a share: quotas of its users, and of the share itself by its name. CW_USAGE for others. */
export function userQuotasOf(
  share: string,
  users: readonly string[],
  wished: readonly UserQuota[],
): { readonly userQuotas?: readonly UserQuota[] } {
  if (wished.length === 0) return {};
  const known = new Set([share, ...users]);
  for (const { user } of wished)
    if (!known.has(user))
      throw new CausewayError(
        'CW_USAGE',
        `${user} is no user of ${share}: name it with --user too, or take its quota away`,
      );
  const last = new Map(wished.map((one) => [one.user, one]));
  return { userQuotas: [...last.values()] };
}
