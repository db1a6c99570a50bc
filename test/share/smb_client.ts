import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { promisify } from 'node:util';
import { nodeSmbPrograms } from '../../src/world/node/smb_programs.ts';

const run = promisify(execFile);

/** Why tests with Samba are skipped, or false. */
export const skipSmb =
  nodeSmbPrograms.missing() ??
  (fs.existsSync('/usr/bin/smbclient') ? false : ('smbclient is not installed' as const));

export interface SmbClient {
  readonly port: number;
  readonly password: string;
  readonly user?: string;
  readonly options?: readonly string[];
}

/** Runs commands of smbclient on the share `docs`; what it printed, with the NT status of what failed. */
export async function smb(
  { port, password, user = 'docs', options = [] }: SmbClient,
  commands: string,
): Promise<string> {
  const words = ['-s', '/dev/null', '-p', String(port), '-U', `${user}%${password}`, ...options];
  try {
    const { stdout, stderr } = await run('smbclient', [...words, '//127.0.0.1/docs', '-c', commands]);
    return stdout + stderr;
  } catch (failure) {
    const { stdout, stderr } = failure as { stdout: string; stderr: string };
    return stdout + stderr;
  }
}
