import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';

export const qemuCommand = 'qemu-system-x86_64';

/** Full path of a program, or null. The folders for administrators count, as a user's PATH may lack them. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    if (folder !== '' && existsSync(`${folder}/${name}`)) return `${folder}/${name}`;
  }
  return null;
}

export function qemuVersion(): string {
  return execFileSync(qemuCommand, ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '';
}

/**
 * Starts QEMU so that it cannot outlive this thread, even when the process is killed with SIGKILL: the kernel sends the
 * child SIGKILL when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG). `logPath` takes what QEMU prints.
 */
export function spawnQemu(args: readonly string[], logPath: string): ChildProcess {
  const log = openSync(logPath, 'a');
  try {
    return spawn('setpriv', ['--pdeathsig', 'KILL', '--', qemuCommand, ...args], {
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
}

/** Last part of a text file, for messages; empty when it cannot be read. */
export function tailOf(path: string, lines = 20): string {
  if (!existsSync(path)) return '';
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
