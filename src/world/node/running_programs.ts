import { readdir, readFile, readlink } from 'node:fs/promises';

/** A program that runs on this machine. */
export interface RunningProgram {
  readonly pid: number;
  readonly argv: readonly string[];
  /** The folder it runs in; null where this user may not know. */
  readonly folder: string | null;
}

/** Programs of /proc whose name begins with `prefix`, as far as this user may see them; none where there is no /proc. */
export async function runningPrograms(prefix: string): Promise<RunningProgram[]> {
  const names = await readdir('/proc').catch(() => []); // another system: nothing can be told
  const found: RunningProgram[] = [];
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const argv = (await readFile(`/proc/${name}/cmdline`, 'utf8')).split('\0').slice(0, -1);
      const program = argv[0]?.split('/').at(-1) ?? '';
      if (!program.startsWith(prefix)) continue;
      const folder = await readlink(`/proc/${name}/cwd`).catch(() => null); // another user's
      found.push({ pid: Number(name), argv, folder });
    } catch {
      // it has ended meanwhile, or is hidden from this user
    }
  }
  return found;
}
