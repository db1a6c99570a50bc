import { decide } from '../../access/rights/decide.ts';
import { parseScope, type Resource } from '../../access/rights/scope.ts';
import { CausewayError } from '../../base/errors.ts';
import type { FileEntryView, FilePageView, ListFilesRequest } from '../../contract/file_schemas.ts';
import type { Call, Caller } from '../caller.ts';
import { withPlace } from '../path_places.ts';
import type { ServiceParts } from '../ports.ts';
import type { Procedure } from '../procedure.ts';

const LIMIT_DEFAULT = 200;

/** Folders of the host, for who chooses what to copy. */
export const FILE_PROCEDURES = {
  listFiles: {
    resources: (parts, call) => {
      const { path } = call.body as ListFilesRequest;
      return path === undefined ? beginnings(parts, call.caller) : [onHost(path)];
    },
    act: async (parts, call) => {
      const { path } = call.body as ListFilesRequest;
      return path === undefined ? firstPage(parts, call.caller) : listFolder(parts, call, path);
    },
  },
} satisfies Record<string, Procedure>;

const onHost = (path: string): Resource & { kind: 'path' } => ({ kind: 'path', vm: null, path });

/** The folders that the caller's rights are limited to; of who may go everywhere the home of the daemon and the root. */
function beginnings(parts: ServiceParts, caller: Caller): (Resource & { kind: 'path' })[] {
  const { grants, bound } = caller.principal;
  const scopes = [...grants, ...(bound ?? [])].flatMap((grant) => grant.scopes.map(parseScope));
  const paths = scopes.flatMap((scope) => {
    if (scope.kind === 'vm') return [];
    const path = scope.kind === 'all' ? null : scope.path;
    return path === null ? [parts.files.home, '/'] : [path === '' ? '/' : path];
  });
  return [...new Set(paths)].map(onHost).filter((resource) => may(parts, caller, resource));
}

function firstPage(parts: ServiceParts, caller: Caller): FilePageView {
  const entries = beginnings(parts, caller).map(({ path }) => ({
    name: path,
    path,
    kind: 'folder' as const,
    isLink: false,
    sizeBytes: null,
    mtimeMs: null,
  }));
  return { path: null, entries, nextCursor: null, isCut: false };
}

async function listFolder(parts: ServiceParts, { caller, body }: Call, path: string): Promise<FilePageView> {
  const { hidden = false, limit = LIMIT_DEFAULT, cursor } = body as ListFilesRequest;
  const resource = await withPlace(parts, onHost(path));
  if (!may(parts, caller, resource))
    throw new CausewayError('CW_ACCESS_DENIED', `${path} leads out of what may be looked at`);
  const chain = resource.place?.chain.slice(0, 1) ?? [];
  const request = { hidden, limit, after: cursor ?? null, chain };
  const { entries, next, isCut } = await parts.files.list(path, request);
  const shown: FileEntryView[] = [];
  for (const entry of entries) {
    // what is no link lies in the folder itself
    if (entry.isLink && !may(parts, caller, await withPlace(parts, onHost(entry.path)))) continue;
    shown.push(entry);
  }
  return { path, entries: shown, nextCursor: next, isCut };
}

function may({ clock }: ServiceParts, { principal, address }: Caller, resource: Resource): boolean {
  return decide(principal, 'file.list', [resource], { nowMs: clock.wallMs(), address }).allowed;
}
