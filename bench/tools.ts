/** Finding and asking the programs of the peers. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Unavailable } from './server.ts';

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The environment of every client and server: nothing of the user's settings reaches them. */
export function plainEnv(home: string): Record<string, string> {
  return { PATH: SYSTEM_FOLDERS.join(delimiter), HOME: home, LANG: 'C.UTF-8' };
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Absent or not executable: the answer is no.
    return false;
  }
}

/** The full path of a program. @throws Unavailable naming the Debian package that has it. */
export function findTool(name: string, debianPackage: string): string {
  for (const folder of SYSTEM_FOLDERS) {
    if (executable(join(folder, name))) return join(folder, name);
  }
  throw new Unavailable(`${name} is not installed (Debian package ${debianPackage})`);
}

/** First line that a program prints about its version, on either output. */
export async function versionLine(argv: readonly string[]): Promise<string> {
  const [file = '', ...args] = argv;
  const { stdout, stderr } = await promisify(execFile)(file, args);
  return ((stdout || stderr).split('\n', 1)[0] ?? '').replace(/\s+/g, ' ').trim();
}

/** A word for a POSIX shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
