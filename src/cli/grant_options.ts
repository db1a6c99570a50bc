import { CausewayError } from '../base/errors.ts';
import type { GrantBody } from '../contract/identity_schemas.ts';

const ROLES = ['viewer', 'operator', 'admin'] as const;

/** The grants of `--role ROLE` and `--scope SCOPE…`; null where neither was given. CW_USAGE. */
export function parseGrants(options: Readonly<Record<string, unknown>>): GrantBody[] | null {
  const scopes = options['scope'] as string[] | undefined;
  const given = options['role'] as string | undefined;
  if (given === undefined && scopes === undefined) return null;
  const role = ROLES.find((one) => one === given);
  if (role === undefined)
    throw new CausewayError('CW_USAGE', `--role ${given ?? ''}: one of ${ROLES.join(', ')} is needed`);
  return [{ role, scopes: scopes ?? ['*'] }];
}

/** `operator on vm:web-*, host:/srv` and the like. */
export function grantsText(grants: readonly GrantBody[]): string {
  if (grants.length === 0) return 'nothing';
  return grants
    .map(({ role, scopes, when }) => {
      const where = scopes.includes('*') ? '' : ` on ${scopes.join(', ')}`;
      return `${role}${where}${when === undefined ? '' : ' (with conditions)'}`;
    })
    .join('; ');
}
