import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** As bin/causeway sets them for what lives long: a heap that is collected early, instead of growing as long as there is memory. */
export const LONG_LIVED_FLAGS = ['--max-semi-space-size=4', '--heap-growing-percent=50'];
const LONG_LIVED_ENV = { MALLOC_ARENA_MAX: '2' };

/** A run of this program that goes on by itself. */
export interface Background {
  readonly pid: number;
  /** What it said where it ended instead of getting ready. */
  readonly failure: string | null;
  readonly exitCode: number;
}

/**
 * Starts this very program once more with other arguments, as a process that outlives this one and belongs to no
 * terminal; resolves when it has written a line to the descriptor that `--ready-fd` names, or has ended.
 */
export async function startInBackground(args: readonly string[]): Promise<Background> {
  const program = process.argv[1] ?? '';
  const [command, ...rest] = args;
  const child = spawn(
    process.execPath,
    [...process.execArgv, ...LONG_LIVED_FLAGS, program, command ?? '', '--ready-fd', '3', ...rest],
    {
      detached: true,
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      env: { ...LONG_LIVED_ENV, ...process.env },
    },
  );
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
  const said = text(child.stderr as Readable);
  said.catch(() => undefined); // it is cut off where the process goes on
  const ready = child.stdio[3] as Readable;
  const isReady = new Promise<boolean>((resolve) => {
    ready.once('data', () => resolve(true));
    ready.once('error', () => resolve(false));
    ready.once('end', () => resolve(false));
  });
  if (await isReady) {
    child.unref();
    child.stderr?.destroy();
    ready.destroy();
    return { pid: child.pid ?? 0, failure: null, exitCode: 0 };
  }
  const exitCode = await exited;
  return { pid: child.pid ?? 0, failure: await said, exitCode };
}
