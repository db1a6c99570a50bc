/** Checks of a finished copy, outside the timed region. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { PreparedSource } from './cases.ts';
import type { CaseKind } from './peer.ts';

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  return hash.digest('hex');
}

interface Extent {
  readonly files: number;
  readonly sizeBytes: number;
}

function extentOf(path: string): Extent {
  const info = lstatSync(path);
  if (!info.isDirectory()) return { files: 1, sizeBytes: info.size };
  let [files, sizeBytes] = [0, 0];
  for (const name of readdirSync(path)) {
    const inside = extentOf(join(path, name));
    files += inside.files;
    sizeBytes += inside.sizeBytes;
  }
  return { files, sizeBytes };
}

/** Count and sizes. @throws Error when the destination holds more, less or something of another size. */
export function checkExtent(source: PreparedSource, destination: string): void {
  const found = extentOf(destination);
  if (found.files !== source.files || found.sizeBytes !== source.sizeBytes) {
    const is = `${found.files} files, ${found.sizeBytes} bytes`;
    throw new Error(`wrong copy: ${is} instead of ${source.files}, ${source.sizeBytes}`);
  }
}

/** Every byte: SHA-256 of a file against `digest`, `diff -r` of a tree. @throws Error when they differ. */
export async function checkContent(
  kind: CaseKind,
  source: PreparedSource,
  destination: string,
  digest: string,
): Promise<void> {
  const copy = join(destination, basename(source.path));
  if (kind === 'file') {
    if ((await sha256OfFile(copy)) !== digest) throw new Error('wrong copy: SHA-256 differs');
    return;
  }
  try {
    await promisify(execFile)('diff', ['-r', '--no-dereference', source.path, copy]);
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    throw new Error(`wrong copy: diff -r says ${(stdout ?? String(error)).slice(0, 300)}`);
  }
}
