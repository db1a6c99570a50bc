import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { resolveAbsolute } from '../../base/path.ts';
import { parseTimeWindow } from '../../base/time_window.ts';
import { formatBytes } from '../../base/units.ts';
import type { StartJobRequest } from '../../contract/schemas.ts';
import { exitOf, followJob } from '../follow.ts';
import { endText } from '../job_text.ts';
import { ownerOptions } from '../owner_options.ts';
import type { Action, Context } from '../program.ts';

/** `causeway cp SRC... DST` */
export const cp: Action = async (context, args, options) => {
  const request = requestOf(args, context.terminal.cwd);
  if (options['lanes'] !== undefined)
    request.lanes = parseCount(String(options['lanes']), '--lanes', LIMITS.lanesMax.value);
  if (options['chunk'] !== undefined)
    request.chunkBytes = parseSize(
      String(options['chunk']),
      '--chunk',
      LIMITS.chunkMinBytes.value,
      LIMITS.chunkMaxBytes.value,
    );
  if (options['limit'] !== undefined)
    request.limitBytesPerSecond = parseSize(String(options['limit']), '--limit', 1024, 2 ** 40);
  if (options['ignoreTimes'] === true) request.ignoreTimes = true;
  if (options['wholeFile'] === true) request.wholeFile = true;
  Object.assign(request, ownerOptions(options), queueOptions(options));
  const { interrupted } = context.terminal;
  const job = await context.client.call('startJob', {}, request);
  if (options['detach'] === true) {
    context.terminal.out(context.json ? `${JSON.stringify(job)}\n` : `${job.id}\n`);
    return 0;
  }
  const over = new AbortController();
  const following = followJob(context, job.id, { quiet: options['quiet'] === true, signal: over.signal });
  const stopping = new Promise<'stop'>((resolve) =>
    interrupted.addEventListener('abort', () => resolve('stop'), { once: true }),
  );
  if ((await Promise.race([following, stopping])) !== 'stop') return following;
  return interrupt(context, job.id, over, following);
};

/** Ctrl-C stops the copy where it is; what is there stays, so that the same command resumes. */
async function interrupt(
  context: Context,
  id: string,
  over: AbortController,
  following: Promise<number>,
): Promise<number> {
  const stopped = await context.client.call('interruptJob', { id });
  over.abort();
  await following.catch(() => undefined); // the answer to the stop tells how the copy ended
  if (context.json) context.terminal.out(`${JSON.stringify(stopped)}\n`);
  else context.terminal.err(`\n${endText(stopped)}\n`);
  return exitOf(stopped);
}

interface Place {
  readonly vm: string | null;
  readonly path: string;
}

/** `NAME:PATH` is a machine, anything with a slash before its colon, or without a colon, a path of the host. */
function parsePlace(text: string): Place {
  const colon = text.indexOf(':');
  if (colon <= 0 || text.slice(0, colon).includes('/')) return { vm: null, path: text };
  return { vm: text.slice(0, colon), path: text.slice(colon + 1) };
}

function requestOf(args: readonly string[], cwd: string): StartJobRequest {
  if (args.length < 2) throw new CausewayError('CW_USAGE', 'a copy needs a source and a destination');
  const places = args.map(parsePlace);
  const destination = places.at(-1)!;
  const sources = places.slice(0, -1);
  const vms = new Set(sources.map((source) => source.vm));
  const [from = null] = vms;
  if (vms.size !== 1 || from === destination.vm) {
    throw new CausewayError(
      'CW_COPY_SAME_SIDE',
      `${args.join(' ')}: all sources must be on one side and the destination on another`,
    );
  }
  const there = (place: Place) => (place.vm === null ? hostPath(cwd, place.path) : place.path || '.');
  return {
    ...routeOf(from, destination.vm),
    sources: sources.map(there),
    destination: there(destination),
  };
}

/** At most one of the two is null: the host. */
function routeOf(
  from: string | null,
  to: string | null,
): Pick<StartJobRequest, 'direction' | 'vm' | 'fromVm'> {
  if (to === null) return { direction: 'out', vm: from! };
  return from === null ? { direction: 'in', vm: to } : { direction: 'between', vm: to, fromVm: from };
}

/** Absolute, keeping what a trailing `/` or `/.` asks for. */
function hostPath(cwd: string, path: string): string {
  const absolute = resolveAbsolute(cwd, path);
  if (path.endsWith('/.') || path === '.') return absolute === '/' ? '/.' : `${absolute}/.`;
  return path.endsWith('/') && absolute !== '/' ? `${absolute}/` : absolute;
}

function parseCount(text: string, option: string, max: number, min = 1): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new CausewayError('CW_USAGE', `${option} ${text}: a whole number from ${min} to ${max} is needed`);
}

/** What decides when the copy runs; what was not given is left out. */
function queueOptions(
  options: Record<string, unknown>,
): Pick<StartJobRequest, 'priority' | 'retries' | 'windows'> {
  const { priority, retries, window } = options;
  const priorityMax = LIMITS.jobPriorityMax.value;
  const windows = window as string[] | undefined;
  for (const text of windows ?? []) parseTimeWindow(text);
  if ((windows?.length ?? 0) > LIMITS.jobWindowsMax.value)
    throw new CausewayError('CW_USAGE', `--window: at most ${LIMITS.jobWindowsMax.value} are taken`);
  return {
    ...(priority !== undefined && {
      priority: parseCount(String(priority), '--priority', priorityMax, -priorityMax),
    }),
    ...(retries !== undefined && {
      retries: parseCount(String(retries), '--retries', LIMITS.jobRetriesMax.value, 0),
    }),
    ...(windows !== undefined && { windows }),
  };
}

/** `20M` → 20 MiB; also a plain number of bytes, and K, G, KiB, MB and the like. */
function parseSize(text: string, option: string, min: number, max: number): number {
  const match = /^(\d+(?:\.\d+)?)([KMG]?)(?:iB|B)?$/i.exec(text);
  const factor = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[(match?.[2] ?? '').toUpperCase()] ?? 1;
  const value = match ? Math.round(Number(match[1]) * factor) : Number.NaN;
  if (value >= min && value <= max) return value;
  const range = `${formatBytes(min)} to ${formatBytes(max)}`;
  throw new CausewayError('CW_USAGE', `${option} ${text}: a size from ${range} is needed, for example 20M`);
}
