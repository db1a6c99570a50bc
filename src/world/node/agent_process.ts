import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isSea } from 'node:sea';
import { bindLibc } from './libc.ts';
import { within } from './within.ts';

/** The module that an executable with a module of its own runs in place of that. */
const FILE_VARIABLE = 'CAUSEWAY_AGENT_FILE';
const LOADED_VARIABLE = 'CAUSEWAY_AGENT_FILE_LOADED';
/** What was installed and started, where this process is a build that it has chosen. */
const ENTRY_VARIABLE = 'CAUSEWAY_AGENT_ENTRY';
const BUILD_VARIABLE = 'CAUSEWAY_AGENT_BUILD';
const TRIAL_VARIABLE = 'CAUSEWAY_AGENT_LINK_TRIAL';
const STOP_GRACE_MS = 5_000;

/** The agent as it was installed. */
export interface AgentEntry {
  /** Null for an executable that has its module inside. */
  readonly module: string | null;
  /** What its launcher calls the build; null where nothing does. */
  readonly build: string | null;
  /** Another one once something else is installed in its place. */
  readonly id: string;
}

/** What this process runs. */
export interface AgentProgram {
  readonly entry: AgentEntry;
  /** The build that `entry` has chosen, and not what was installed. */
  readonly isChosen: boolean;
  /** The module that runs; null where it is inside the executable. */
  readonly modulePath: string | null;
  /** From a checkout. */
  readonly isSource: boolean;
  readonly platform: string;
  readonly nodeMajor: number;
  /** Whether one process image can become another here. */
  readonly canBecome: boolean;
}

/** True where another module runs now, in place of the one inside this executable. */
export function runsOtherModule(): boolean {
  const file = process.env[FILE_VARIABLE];
  if (!isSea() || !file) return false;
  delete process.env[FILE_VARIABLE];
  process.env[LOADED_VARIABLE] = file;
  createRequire(file)(file);
  return true;
}

export function agentProgram(): AgentProgram {
  const own = isSea() ? null : realpathSync(process.argv[1] ?? '');
  const told = process.env[ENTRY_VARIABLE];
  const entry = told ? (JSON.parse(told) as AgentEntry) : entryOf(own);
  return {
    entry,
    isChosen: Boolean(told),
    modulePath: own ?? process.env[LOADED_VARIABLE] ?? null,
    isSource: own?.endsWith('.ts') === true,
    platform: `${process.platform}-${process.arch}`,
    nodeMajor: Number(process.versions.node.split('.')[0]),
    canBecome: typeof process.execve === 'function',
  };
}

function entryOf(module: string | null): AgentEntry {
  const { size, mtimeMs, ino } = statSync(module ?? process.execPath);
  const build = process.env[BUILD_VARIABLE] || null;
  return { module, build, id: [build ?? '', size, Math.round(mtimeMs), ino].join(':') };
}

/** A module as a command of this very Node. */
function commandOf(modulePath: string | null, args: readonly string[]): string[] {
  return isSea() || modulePath === null ? [...args] : [...process.execArgv, modulePath, ...args];
}

function environment(entry: AgentEntry, build: { id: string; path: string } | null): Record<string, string> {
  const env = { ...process.env } as Record<string, string>;
  for (const name of [FILE_VARIABLE, LOADED_VARIABLE, ENTRY_VARIABLE, BUILD_VARIABLE, TRIAL_VARIABLE])
    delete env[name];
  if (build === null) return entry.build === null ? env : { ...env, [BUILD_VARIABLE]: entry.build };
  if (isSea()) env[FILE_VARIABLE] = build.path;
  return { ...env, [BUILD_VARIABLE]: build.id, [ENTRY_VARIABLE]: JSON.stringify(entry) };
}

/** This process becomes that build; returns only where it cannot. `keepOpen`: a descriptor that goes along. */
export function becomeBuild(
  entry: AgentEntry,
  build: { id: string; path: string },
  args: readonly string[],
  keepOpen: number | null,
): void {
  if (keepOpen !== null && keepOpen > 2 && !staysOpen(keepOpen)) return;
  process.execve?.(
    process.execPath,
    [process.execPath, ...commandOf(build.path, args)],
    environment(entry, build),
  );
}

/** This process becomes what was installed, which chooses anew; returns only where it cannot. */
export function becomeEntry(entry: AgentEntry, args: readonly string[]): void {
  process.execve?.(
    process.execPath,
    [process.execPath, ...commandOf(entry.module, args)],
    environment(entry, null),
  );
}

const F_SETFD = 2;

/** Node marks what it has inherited to be closed. */
function staysOpen(descriptor: number): boolean {
  const libc = bindLibc<{ fcntl(descriptor: number, command: number, flags: number): number }>({
    fcntl: { return: 'int32', arguments: ['int32', 'int32', 'int32'] },
  });
  return libc !== null && libc.functions.fcntl(descriptor, F_SETFD, 0) === 0;
}

export interface TrialRequest {
  readonly entry: AgentEntry;
  readonly build: { readonly id: string; readonly path: string };
  readonly args: readonly string[];
  /** Fingerprint of the host that it has to reach. */
  readonly host: string;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Starts a build beside this process, waits until it is linked with the host, and ends it. Why it was not; null where it
 * was. When it resolves, the build has ended and holds no port and no device.
 */
export async function tryBuild(request: TrialRequest): Promise<string | null> {
  const { entry, build, args, host, limitMs, signal } = request;
  const child = spawn(process.execPath, commandOf(build.path, args), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...environment(entry, build), [TRIAL_VARIABLE]: '1' },
  });
  const { promise: verdict, resolve } = Promise.withResolvers<string | null>();
  const ended = new Promise<void>((done) => {
    child.once('exit', (code, by) => {
      resolve(`it ended (${code ?? by}) before it was linked`);
      done();
    });
    child.once('error', (thrown) => {
      resolve(`it cannot be started (${(thrown as NodeJS.ErrnoException).code ?? thrown.message})`);
      done();
    });
  });
  const late = setTimeout(() => resolve(`it was not linked in ${Math.round(limitMs / 1000)} s`), limitMs);
  const stopped = () => resolve('the agent was stopped meanwhile');
  signal.addEventListener('abort', stopped, { once: true });
  child.on('message', (message) => {
    if ((message as { linked?: unknown } | null)?.linked === host) resolve(null);
  });
  if (signal.aborted) stopped();
  const why = await verdict;
  clearTimeout(late);
  signal.removeEventListener('abort', stopped);
  if (why === null) {
    child.kill('SIGTERM');
    await within(ended, STOP_GRACE_MS);
  }
  child.kill('SIGKILL');
  await ended;
  return why;
}

/** What a build on trial tells; null where this process is none. When its parent ends, so does it. */
export function linkTrial(): { linked(host: string | null): void } | null {
  if (process.env[TRIAL_VARIABLE] === undefined || process.send === undefined) return null;
  process.once('disconnect', () => process.exit(1));
  return {
    linked: (host) => {
      if (process.connected) process.send?.({ linked: host });
    },
  };
}

/** Ends what still runs of a build whose trial nobody watches any more. */
export function endLeftTrial(buildPath: string): void {
  for (const pid of processIds()) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const env = words.includes(buildPath) ? '' : readFileSync(`/proc/${pid}/environ`, 'utf8');
      if (!words.includes(buildPath) && !env.split('\0').some((one) => isFileOf(one, buildPath))) continue;
      if (Number(pid) !== process.pid) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it has ended meanwhile, or is of another user and so none of ours
    }
  }
}

function isFileOf(variable: string, path: string): boolean {
  return variable === `${FILE_VARIABLE}=${path}`;
}

function processIds(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return []; // no /proc here
  }
}
