import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { resolveAbsolute } from '../../base/path.ts';
import type { CachePolicy } from '../../contract/cache_schemas.ts';
import type { AddMountRequest, MountView } from '../../contract/mount_schemas.ts';
import { LocalMount } from '../../host/local_mount.ts';
import { startInBackground } from '../../world/node/background.ts';
import { listFuseMounts, unmountFuse } from '../../world/node/fuse_mount.ts';
import { realFolder } from '../../world/node/real_folder.ts';
import { tellReady } from '../../world/node/terminal.ts';
import { tierOptions } from '../cache_tier_options.ts';
import { journalOf } from '../journal_options.ts';
import { parseCacheSize, parseCount, parseSize } from '../option_numbers.ts';
import type { Action, Context } from '../program.ts';
import { table } from '../terminal.ts';

const CACHE_MS = 1_000;
const CACHE_MAX_MS = 3_600_000;
const DESCRIPTOR_MAX = 1_023;

/** `causeway mount` */
export const mount: Action = async (context, [folder, mountpoint], options) => {
  if (folder === undefined) return list(context);
  if (mountpoint === undefined)
    throw new CausewayError('CW_USAGE', 'both a folder and the place where it shall appear are needed');
  const { terminal, json } = context;
  const far = parseFar(folder);
  if (far === null && Object.keys(blockCacheOf(options, terminal.cwd)).length > 0)
    throw new CausewayError(
      'CW_USAGE',
      '--cache-size, --cache-tier and --cache-policy are for folders of machines',
    );
  if (far !== null) return mountFar(context, far, mountpoint, options);
  const request = {
    source: resolveAbsolute(terminal.cwd, folder),
    mountpoint: resolveAbsolute(terminal.cwd, mountpoint),
    readOnly: options['readOnly'] === true,
    allowOther: options['allowOther'] === true,
    passthrough: options['passthrough'] !== false,
    cacheMs: cacheOf(options) ?? CACHE_MS,
    quota: null,
    records: null,
  };
  if (options['foreground'] === true) return serve(context, request, options['readyFd']);
  const flags = [
    ...(request.readOnly ? ['--read-only'] : []),
    ...(request.allowOther ? ['--allow-other'] : []),
    ...(request.passthrough ? [] : ['--no-passthrough']),
    ...['--cache', String(request.cacheMs), '--foreground'],
  ];
  const server = await startInBackground(['mount', ...flags, '--', request.source, request.mountpoint]);
  if (server.failure !== null) {
    terminal.err(server.failure);
    return server.exitCode;
  }
  if (json) terminal.out(`${JSON.stringify({ ...request, pid: server.pid })}\n`);
  else terminal.out(`${request.source} is mounted at ${request.mountpoint}\n`);
  return 0;
};

/** `VM:/FOLDER`; null for a folder of this host. */
function parseFar(text: string): { readonly vm: string; readonly folder: string } | null {
  const colon = text.indexOf(':');
  if (colon <= 0 || text.slice(0, colon).includes('/')) return null;
  return { vm: text.slice(0, colon), folder: text.slice(colon + 1) };
}

function cacheOf(options: Readonly<Record<string, unknown>>): number | undefined {
  const { cache } = options;
  return cache === undefined ? undefined : parseCount(String(cache), '--cache', CACHE_MAX_MS, 0);
}

/** What the daemon is to keep of the files on its disk. */
function blockCacheOf(
  options: Readonly<Record<string, unknown>>,
  cwd: string,
): Pick<
  AddMountRequest,
  'cacheBytes' | 'cacheFolder' | 'cacheTiers' | 'cachePolicy' | 'cacheMemoryBytes' | 'journal'
> {
  const settings = journalOf(options);
  const journal = Object.keys(settings).length === 0 ? {} : { journal: settings };
  const { cacheSize, cacheDir, cachePolicy, cacheMemory } = options;
  const tiers = tierOptions(options['cacheTier'], cwd);
  if (cacheSize === undefined && tiers.cacheTiers === undefined) {
    const isPlain = cacheDir === undefined && cacheMemory === undefined;
    if (isPlain && (cachePolicy === undefined || cachePolicy === 'none')) return journal;
    if (isPlain && (cachePolicy === 'write-back' || cachePolicy === 'split'))
      return { cachePolicy, ...journal };
    throw new CausewayError(
      'CW_USAGE',
      '--cache-dir, --cache-memory and --cache-policy go with --cache-size or --cache-tier',
    );
  }
  const mostBytes = LIMITS.cacheMemoryMostBytes.value;
  return {
    ...(cacheSize === undefined ? {} : { cacheBytes: parseCacheSize(String(cacheSize), '--cache-size') }),
    ...tiers,
    ...journal,
    ...(cacheDir === undefined ? {} : { cacheFolder: resolveAbsolute(cwd, String(cacheDir)) }),
    ...(cacheMemory === undefined
      ? {}
      : { cacheMemoryBytes: parseSize(String(cacheMemory), '--cache-memory', 0, mostBytes) }),
    ...(cachePolicy === undefined ? {} : { cachePolicy: cachePolicy as CachePolicy }),
  };
}

/** By the daemon, which has the link. */
async function mountFar(
  { client, terminal, json }: Context,
  { vm, folder }: { readonly vm: string; readonly folder: string },
  place: string,
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  if (!folder.startsWith('/'))
    throw new CausewayError('CW_USAGE', `${vm}:${folder}: the absolute path of a folder of ${vm} is needed`);
  const cacheMs = cacheOf(options);
  const request: AddMountRequest = {
    vm,
    folder,
    mountpoint: resolveAbsolute(terminal.cwd, place),
    readOnly: options['readOnly'] === true,
    allowOther: options['allowOther'] === true,
    numericIds: options['numericIds'] === true,
    asRoot: options['asRoot'] === true,
    ...(cacheMs === undefined ? {} : { cacheMs }),
    ...blockCacheOf(options, terminal.cwd),
  };
  const mounted = await client.call('addMount', {}, request);
  if (json) terminal.out(`${JSON.stringify(mounted)}\n`);
  else terminal.out(`${vm}:${folder} is mounted at ${mounted.mountpoint}\n`);
  return 0;
}

async function serve(
  { terminal, json }: Context,
  request: Parameters<typeof LocalMount.open>[0],
  readyFd: unknown,
): Promise<number> {
  const descriptor = readyFd === undefined ? null : parseCount(String(readyFd), '--ready-fd', DESCRIPTOR_MAX);
  const { interrupted } = terminal; // from now on a signal unmounts
  const mounted = await LocalMount.open(request);
  if (json) terminal.out(`${JSON.stringify({ ready: true, ...request })}\n`);
  else if (descriptor === null) terminal.err(`${request.source} is mounted at ${request.mountpoint}\n`);
  if (descriptor !== null) await tellReady(descriptor, JSON.stringify({ ready: true }));
  const stop = () => void mounted.close();
  if (interrupted.aborted) stop();
  else interrupted.addEventListener('abort', stop, { once: true });
  const failure = await mounted.ended;
  await mounted.close();
  if (failure !== null) throw failure;
  return 0;
}

async function list({ client, terminal, json }: Context): Promise<number> {
  const kept = await farMounts(client);
  const mounts = listFuseMounts().map(({ mountpoint, source }) => {
    const far = kept.find((one) => one.mountpoint === mountpoint);
    return { source, mountpoint, state: far?.state ?? 'mounted', error: far?.error ?? null };
  });
  for (const { vm, folder, mountpoint, state, error } of kept)
    if (!mounts.some((one) => one.mountpoint === mountpoint))
      mounts.push({ source: `${vm}:${folder}`, mountpoint, state, error });
  if (json) terminal.out(`${JSON.stringify({ mounts })}\n`);
  else if (mounts.length > 0)
    terminal.out(
      `${table([
        ['FOLDER', 'MOUNTED AT', 'STATE', 'NOTE'],
        ...mounts.map((one) => [one.source, one.mountpoint, one.state, one.error?.message ?? '']),
      ])}\n`,
    );
  return 0;
}

/** What the daemon keeps mounted; nothing where none runs, or may be asked. */
async function farMounts(client: Context['client']): Promise<MountView[]> {
  try {
    return await client.call('listMounts', {});
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code === 'CW_DAEMON_DOWN' || code === 'CW_ACCESS_DENIED') return [];
    throw failure;
  }
}

/** `causeway umount` */
export const umount: Action = async ({ client, terminal, json }, [place = ''], options) => {
  const path = resolveAbsolute(terminal.cwd, place);
  if ((await farMounts(client)).some(({ mountpoint }) => mountpoint === path)) {
    await client.call('removeMount', {}, { mountpoint: path });
    if (json) terminal.out(`${JSON.stringify({ unmounted: path })}\n`);
    return 0;
  }
  const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);
  const mountpoint = isMounted(path) ? path : realFolder(path);
  if (!isMounted(mountpoint))
    throw new CausewayError('CW_DISK_NOT_FOUND', `nothing that Causeway serves is mounted at ${mountpoint}`);
  unmountFuse(mountpoint, { lazily: options['lazy'] === true });
  if (json) terminal.out(`${JSON.stringify({ unmounted: mountpoint })}\n`);
  return 0;
};
