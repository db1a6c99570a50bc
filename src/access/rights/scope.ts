import { CausewayError } from '../../base/errors.ts';
import type { PathPlace } from '../../base/path_place.ts';
import { matchesGlob } from './glob.ts';
import { isBelow, plainPath } from './path_prefix.ts';

/**
 * What a grant reaches. `vm` is a name with `*` and `?`; `path` a plain path, below which the grant holds, or null for
 * everything there.
 */
export type Scope =
  | { readonly kind: 'all' }
  | { readonly kind: 'vm'; readonly vm: string; readonly path: string | null }
  | { readonly kind: 'host'; readonly path: string | null };

/** What an action touches. A path with `vm: null` is on the host. */
export type Resource =
  | { readonly kind: 'vm'; readonly vm: string }
  | { readonly kind: 'path'; readonly vm: string | null; readonly path: string; readonly place?: PathPlace }
  | { readonly kind: 'account'; readonly userId: string };

const FORM = /^(?:(\*)|vm:([A-Za-z0-9.*?-]{1,63})(?::(\/.*))?|host(?::(\/.*))?)$/s;

/** `*`, `vm:web-*`, `vm:db:/srv/data`, `host` or `host:/srv/share`. CW_USAGE. */
export function parseScope(text: string): Scope {
  const match = FORM.exec(text);
  if (match === null) throw bad(text);
  if (match[1] !== undefined) return { kind: 'all' };
  const path = match[3] ?? match[4] ?? null;
  const plain = path === null ? null : plainPath(path);
  if (path !== null && plain === null) throw bad(text);
  return match[2] === undefined ? { kind: 'host', path: plain } : { kind: 'vm', vm: match[2], path: plain };
}

/**
 * Whether the scope reaches the resource. A scope that is limited to a folder reaches its machine for looking only:
 * `changes` says whether the action changes the resource.
 */
export function covers(scope: Scope, resource: Resource, changes: boolean): boolean {
  if (resource.kind === 'account') return false; // an account is its owner's, or reached by `all`
  if (scope.kind === 'all') return true;
  if (
    resource.vm === null ? scope.kind !== 'host' : scope.kind !== 'vm' || !matchesGlob(scope.vm, resource.vm)
  ) {
    return false;
  }
  if (scope.path === null) return true;
  if (resource.kind === 'vm') return !changes;
  const path = plainPath(resource.path);
  return path !== null && isBelow(scope.path, path) && leadsInto(scope.path, resource.place);
}

/** Whether no link leads out of the folder. A folder that does not exist yet has none. */
function leadsInto(folder: string, place: PathPlace | undefined): boolean {
  if (place === undefined) return true;
  const own = place.prefixes[folder === '' ? 0 : folder.split('/').length - 1] ?? null;
  return own === null || place.chain.includes(own);
}

function bad(text: string): CausewayError {
  return new CausewayError(
    'CW_USAGE',
    `${JSON.stringify(text)} is no scope: write *, vm:NAME, vm:NAME:/FOLDER, host or host:/FOLDER`,
  );
}
