import { type ChildProcess, spawn } from 'node:child_process';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { CommandEnd, OutboundCommand } from '../outbound.ts';

/** What a program gets of the environment of the daemon, which may hold secrets. */
const VARIABLES = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'];

function environment(): Record<string, string> {
  return Object.fromEntries(
    VARIABLES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The program is the head of a process group of its own. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // it has ended meanwhile
  }
}

export function runCommand(
  { argv, stdin, timeoutMs }: OutboundCommand,
  signal: AbortSignal,
): Promise<CommandEnd> {
  const [program = '', ...args] = argv;
  const { promise, resolve, reject } = Promise.withResolvers<CommandEnd>();
  const detached = process.platform !== 'win32';
  const child = spawn(program, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached,
    env: environment(),
    cwd: '/',
    windowsHide: true,
  });
  let words = Buffer.alloc(0);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, timeoutMs);
  const stop = () => killGroup(child);
  signal.addEventListener('abort', stop, { once: true });
  const settle = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    child.stderr.destroy(); // a process that it left behind may hold it open
  };
  child.stderr.on('data', (bytes: Buffer) => {
    words = Buffer.concat([words, bytes]).subarray(-LIMITS.notifyWordsMaxBytes.value);
  });
  child.stdin.on('error', () => undefined); // a program need not read what it is told
  child.stdin.end(stdin);
  child.once('error', (failure: NodeJS.ErrnoException) => {
    settle();
    const why = failure.code ?? failure.message;
    reject(new CausewayError('CW_NOTIFY_FAILED', `${program} cannot be run (${why})`));
  });
  child.once('exit', (exitCode) => {
    settle();
    resolve({ exitCode, timedOut, lastWords: words.toString('utf8').trim() });
  });
  if (signal.aborted) stop();
  return promise;
}
