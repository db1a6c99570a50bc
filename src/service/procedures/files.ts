import { decide } from '../../access/rights/decide.ts';
import { parseScope, type Resource, type Scope } from '../../access/rights/scope.ts';
import { CausewayError } from '../../base/errors.ts';
import type { FileEntryView, FilePageView, ListFilesRequest } from '../../contract/file_schemas.ts';
import { type Call, type Caller, param } from '../caller.ts';
import { isLimited, withPlace } from '../path_places.ts';
import type { ServiceParts } from '../ports.ts';
import type { Procedure } from '../procedure.ts';

const LIMIT_DEFAULT = 200;

type PathResource = Resource & { kind: 'path' };

/** Folders of the host and of machines, for who chooses what to copy. */
export const FILE_PROCEDURES = {
  listFiles: {
    resources: (parts, call) => named(parts, call, null),
    act: async (parts, call) => {
      const { path } = call.body as ListFilesRequest;
      if (path !== undefined) return listHostFolder(parts, call, path);
      return firstPage(parts, call.caller, null, parts.files.home);
    },
  },
  listVmFiles: {
    resources: (parts, call) => named(parts, call, param(call, 'name')),
    act: async (parts, call) => {
      const vm = param(call, 'name');
      const { path } = call.body as ListFilesRequest;
      if (path !== undefined) return listVmFolder(parts, call, vm, path);
      return firstPage(parts, call.caller, vm, await parts.vmFiles.home(vm));
    },
  },
} satisfies Record<string, Procedure>;

/** What the request is about: the folder that it names, or those to begin at. */
function named(parts: ServiceParts, { caller, body }: Call, vm: string | null): PathResource[] {
  const { path } = body as ListFilesRequest;
  if (path !== undefined) return [{ kind: 'path', vm, path }];
  return beginnings(parts, caller, vm, '/');
}

/** The folders that the caller's rights are limited to; of who may go everywhere the home and the root. */
function beginnings(parts: ServiceParts, caller: Caller, vm: string | null, home: string): PathResource[] {
  const { grants, bound } = caller.principal;
  const scopes = [...grants, ...(bound ?? [])].flatMap((grant) => grant.scopes.map(parseScope));
  const paths = scopes.flatMap((scope) => {
    const path = folderOf(scope, vm);
    if (path === undefined) return [];
    return path === null ? [home, '/'] : [path === '' ? '/' : path];
  });
  return [...new Set(paths)]
    .map((path): PathResource => ({ kind: 'path', vm, path }))
    .filter((resource) => may(parts, caller, resource));
}

/** The folder that the scope is limited to on the host or a machine; null for none, undefined where it is about others. */
function folderOf(scope: Scope, vm: string | null): string | null | undefined {
  if (scope.kind === 'all') return null;
  return (scope.kind === 'host') === (vm === null) ? scope.path : undefined;
}

function firstPage(parts: ServiceParts, caller: Caller, vm: string | null, home: string): FilePageView {
  const entries = beginnings(parts, caller, vm, home).map(({ path }) => ({
    name: path,
    path,
    kind: 'folder' as const,
    isLink: false,
    sizeBytes: null,
    mtimeMs: null,
  }));
  return { path: null, entries, nextCursor: null, isCut: false };
}

async function listHostFolder(
  parts: ServiceParts,
  { caller, body }: Call,
  path: string,
): Promise<FilePageView> {
  const { hidden = false, limit = LIMIT_DEFAULT, cursor } = body as ListFilesRequest;
  const onHost = (at: string) => withPlace(parts, { kind: 'path', vm: null, path: at } as PathResource);
  const resource = await onHost(path);
  if (!may(parts, caller, resource)) throw leadsOut(path);
  const chain = resource.place?.chain.slice(0, 1) ?? [];
  const request = { hidden, limit, after: cursor ?? null, chain };
  const { entries, next, isCut } = await parts.files.list(path, request);
  const shown: FileEntryView[] = [];
  for (const entry of entries) {
    // what is no link lies in the folder itself
    if (entry.isLink && !may(parts, caller, await onHost(entry.path))) continue;
    shown.push(entry);
  }
  return { path, entries: shown, nextCursor: next, isCut };
}

/** The machine tells with the page where the folder really is, and where each link leads: that is decided on. */
async function listVmFolder(
  parts: ServiceParts,
  { caller, body }: Call,
  vm: string,
  path: string,
): Promise<FilePageView> {
  const { hidden = false, limit = LIMIT_DEFAULT, cursor } = body as ListFilesRequest;
  const places = isLimited(caller.principal);
  const page = await parts.vmFiles.list(vm, path, { hidden, limit, after: cursor ?? null, places });
  if (places && !may(parts, caller, { kind: 'path', vm, path, place: page.place })) throw leadsOut(path);
  const shown = page.entries.flatMap(({ place, ...entry }): FileEntryView[] => {
    const isOut =
      places && entry.isLink && !may(parts, caller, { kind: 'path', vm, path: entry.path, place });
    return isOut ? [] : [entry];
  });
  return { path, entries: shown, nextCursor: page.next, isCut: page.isCut };
}

function leadsOut(path: string): CausewayError {
  return new CausewayError('CW_ACCESS_DENIED', `${path} leads out of what may be looked at`);
}

function may({ clock }: ServiceParts, { principal, address }: Caller, resource: Resource): boolean {
  return decide(principal, 'file.list', [resource], { nowMs: clock.wallMs(), address }).allowed;
}
