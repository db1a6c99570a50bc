import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { resolveAbsolute } from '../../base/path.ts';
import { parseTimeWindow } from '../../base/time_window.ts';
import type { StartJobRequest } from '../../contract/schemas.ts';
import { compressOptions } from '../compress_option.ts';
import { directOption } from '../direct_option.ts';
import { exclusions } from '../exclude_options.ts';
import { exitOf, followJob } from '../follow.ts';
import { exitOfGroup, followGroup, forEachJob, groupEndText } from '../group.ts';
import { endText } from '../job_text.ts';
import { parseCount, parseSize } from '../option_numbers.ts';
import { ownerOptions } from '../owner_options.ts';
import type { Action, Context } from '../program.ts';

/** `causeway cp SRC... DST` */
export const cp: Action = async (context, args, options) => {
  const quiet = options['quiet'] === true;
  const detach = options['detach'] === true;
  if (options['to'] !== undefined) {
    const { vm: _, ...request } = requestOf([...args], context.terminal.cwd, 'to');
    const vms = namesOf(String(options['to']));
    const wish = {
      ...request,
      ...optionsOf(options, request.destination),
      ...(await exclusions(context, options)),
      vms,
    };
    const group = await context.client.call('startGroup', {}, wish);
    if (detach) return told(context, group);
    return untilStopped(context, {
      follow: (signal) => followGroup(context, group, { quiet, signal }),
      stop: () => forEachJob(context, group.id, 'interruptJob'),
      text: groupEndText,
      exit: exitOfGroup,
    });
  }
  const route = requestOf(args, context.terminal.cwd);
  const request = {
    ...route,
    ...optionsOf(options, route.destination),
    ...(await exclusions(context, options)),
  };
  const job = await context.client.call('startJob', {}, request);
  if (detach) return told(context, job);
  return untilStopped(context, {
    follow: (signal) => followJob(context, job.id, { quiet, signal }),
    stop: () => context.client.call('interruptJob', { id: job.id }),
    text: endText,
    exit: exitOf,
  });
};

function told({ terminal, json }: Context, view: { readonly id: string }): number {
  terminal.out(json ? `${JSON.stringify(view)}\n` : `${view.id}\n`);
  return 0;
}

/** Of a copy, or of several. */
interface Following<T> {
  follow(signal: AbortSignal): Promise<number>;
  stop(): Promise<T>;
  text(view: T): string;
  exit(view: T): number;
}

/** Ctrl-C stops the copy where it is; what is there stays, so that the same command resumes. */
async function untilStopped<T>(context: Context, copy: Following<T>): Promise<number> {
  const { interrupted } = context.terminal;
  const over = new AbortController();
  const following = copy.follow(over.signal);
  const stopping = new Promise<'stop'>((resolve) =>
    interrupted.addEventListener('abort', () => resolve('stop'), { once: true }),
  );
  if ((await Promise.race([following, stopping])) !== 'stop') return following;
  const stopped = await copy.stop();
  over.abort();
  await following.catch(() => undefined); // the answer to the stop tells how the copy ended
  if (context.json) context.terminal.out(`${JSON.stringify(stopped)}\n`);
  else context.terminal.err(`\n${copy.text(stopped)}\n`);
  return copy.exit(stopped);
}

/** What the flags ask for. */
function optionsOf(options: Record<string, unknown>, destination: string): Partial<StartJobRequest> {
  const { lanes, chunk, limit, ignoreTimes, wholeFile, undo } = options;
  const { chunkMinBytes, chunkMaxBytes, lanesMax } = LIMITS;
  return {
    ...(lanes !== undefined && { lanes: parseCount(String(lanes), '--lanes', lanesMax.value) }),
    ...(chunk !== undefined && {
      chunkBytes: parseSize(String(chunk), '--chunk', chunkMinBytes.value, chunkMaxBytes.value),
    }),
    ...(limit !== undefined && {
      limitBytesPerSecond: parseSize(String(limit), '--limit', 1024, 2 ** 40),
    }),
    ...(ignoreTimes === true && { ignoreTimes }),
    ...(wholeFile === true && { wholeFile }),
    ...checksumOption(options),
    ...linkDestOption(options['linkDest'], destination),
    ...(options['delete'] === true && { delete: true }),
    ...(undo !== undefined && { undo: parseUndo(String(undo)) }),
    ...directOption(options['direct']),
    ...compressOptions(options),
    ...clashOption(options['onClash']),
    ...ownerOptions(options),
    ...queueOptions(options),
  };
}

function checksumOption({
  checksum,
  ignoreTimes,
}: Record<string, unknown>): Pick<StartJobRequest, 'checksum'> {
  if (checksum !== true) return {};
  if (ignoreTimes === true)
    throw new CausewayError(
      'CW_USAGE',
      '--checksum and -I: one compares what looks unchanged, the other copies it',
    );
  return { checksum };
}

/** A relative folder is one beside the destination, as `../2026-01-31`. */
function linkDestOption(folder: unknown, destination: string): Pick<StartJobRequest, 'linkDest'> {
  if (folder === undefined) return {};
  const path = String(folder);
  if (path === '') throw new CausewayError('CW_USAGE', '--link-dest: a folder is needed');
  if (path.startsWith('/')) return { linkDest: resolveAbsolute('/', path) };
  const isAbsolute = destination.startsWith('/');
  const joined = resolveAbsolute('/', `${destination}/${path}`);
  return { linkDest: isAbsolute ? joined : joined.slice(1) || '.' };
}

function parseUndo(text: string): NonNullable<StartJobRequest['undo']> {
  if (text === 'auto' || text === 'off' || text === 'require') return text;
  throw new CausewayError('CW_USAGE', `--undo ${text}: it is auto, off or require`);
}

function clashOption(text: unknown): Pick<StartJobRequest, 'onClash'> {
  if (text === undefined) return {};
  if (text === 'fail' || text === 'rename' || text === 'skip') return { onClash: text };
  throw new CausewayError('CW_USAGE', `--on-clash ${String(text)}: fail, rename or skip is needed`);
}

/** `a,b,c`: each name once. */
function namesOf(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (names.includes('') || twice !== undefined || names.length > LIMITS.groupVmsMax.value) {
    const max = LIMITS.groupVmsMax.value;
    throw new CausewayError(
      'CW_USAGE',
      `--to ${text}: 1 to ${max} different machines are needed, as in a,b,c`,
    );
  }
  return names;
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

/** With `to` the destination is a path on each of several machines, and `vm` says nothing. */
function requestOf(args: readonly string[], cwd: string, to?: 'to'): StartJobRequest {
  if (args.length < 2) throw new CausewayError('CW_USAGE', 'a copy needs a source and a destination');
  const places = args.map(parsePlace);
  const last = places.at(-1)!;
  if (to && last.vm !== null)
    throw new CausewayError(
      'CW_USAGE',
      `${args.at(-1)}: with --to the destination is a path without a machine`,
    );
  const destination = to ? { vm: '', path: last.path } : last;
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

/** What decides when the copy runs, and beside others how fast; what was not given is left out. */
function queueOptions(
  options: Record<string, unknown>,
): Pick<StartJobRequest, 'priority' | 'retries' | 'windows' | 'weight' | 'trafficClass'> {
  const { priority, retries, window, weight, class: trafficClass } = options;
  const priorityMax = LIMITS.jobPriorityMax.value;
  const windows = window as string[] | undefined;
  for (const text of windows ?? []) parseTimeWindow(text);
  if ((windows?.length ?? 0) > LIMITS.jobWindowsMax.value)
    throw new CausewayError('CW_USAGE', `--window: at most ${LIMITS.jobWindowsMax.value} are taken`);
  return {
    ...(priority !== undefined && {
      priority: parseCount(String(priority), '--priority', priorityMax, -priorityMax),
    }),
    ...(weight !== undefined && { weight: parseCount(String(weight), '--weight', LIMITS.weightMax.value) }),
    ...(trafficClass === 'background' && { trafficClass }),
    ...(retries !== undefined && {
      retries: parseCount(String(retries), '--retries', LIMITS.jobRetriesMax.value, 0),
    }),
    ...(windows !== undefined && { windows }),
  };
}
