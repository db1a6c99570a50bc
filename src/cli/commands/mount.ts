import { CausewayError } from '../../base/errors.ts';
import { resolveAbsolute } from '../../base/path.ts';
import { LocalMount } from '../../host/local_mount.ts';
import { startInBackground } from '../../world/node/background.ts';
import { listFuseMounts, unmountFuse } from '../../world/node/fuse_mount.ts';
import { realFolder } from '../../world/node/real_folder.ts';
import { tellReady } from '../../world/node/terminal.ts';
import { parseCount } from '../option_numbers.ts';
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
  const request = {
    source: resolveAbsolute(terminal.cwd, folder),
    mountpoint: resolveAbsolute(terminal.cwd, mountpoint),
    readOnly: options['readOnly'] === true,
    allowOther: options['allowOther'] === true,
    passthrough: options['passthrough'] !== false,
    cacheMs:
      options['cache'] === undefined
        ? CACHE_MS
        : parseCount(String(options['cache']), '--cache', CACHE_MAX_MS, 0),
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

function list({ terminal, json }: Context): number {
  const mounts = listFuseMounts().map(({ mountpoint, source }) => ({ source, mountpoint }));
  if (json) terminal.out(`${JSON.stringify({ mounts })}\n`);
  else if (mounts.length > 0)
    terminal.out(
      `${table([['FOLDER', 'MOUNTED AT'], ...mounts.map((one) => [one.source, one.mountpoint])])}\n`,
    );
  return 0;
}

/** `causeway umount` */
export const umount: Action = async ({ terminal, json }, [place = ''], options) => {
  const path = resolveAbsolute(terminal.cwd, place);
  const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);
  const mountpoint = isMounted(path) ? path : realFolder(path);
  if (!isMounted(mountpoint))
    throw new CausewayError('CW_DISK_NOT_FOUND', `nothing that Causeway serves is mounted at ${mountpoint}`);
  unmountFuse(mountpoint, { lazily: options['lazy'] === true });
  if (json) terminal.out(`${JSON.stringify({ unmounted: mountpoint })}\n`);
  return 0;
};
