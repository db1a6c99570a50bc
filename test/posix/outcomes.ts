import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Part } from './all.ts';

const run = promisify(execFile);
const CHILD = path.join(import.meta.dirname, 'child.ts');
const OUTPUT_MAX_BYTES = 16 * 2 ** 20;

/** What came out of all checks in a folder, by name, in a process of that user. */
export async function outcomesIn(
  folder: string,
  userId: number,
  part: Part,
): Promise<Record<string, string>> {
  const own = path.join(folder, `of-${userId}`);
  fs.mkdirSync(own);
  fs.chownSync(own, userId, userId);
  const { stdout } = await run(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', CHILD, own, part],
    {
      maxBuffer: OUTPUT_MAX_BYTES,
      ...(userId === 0 ? {} : { uid: userId, gid: userId }),
    },
  );
  return JSON.parse(stdout);
}
