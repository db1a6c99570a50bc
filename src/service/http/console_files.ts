import { toHex } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { hashBytes } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseName } from '../../base/path.ts';
import type { Dir, Disk } from '../../world/disk.ts';

/** A file of the console, as it is sent. */
export interface ConsoleFile {
  readonly bytes: Uint8Array;
  readonly type: string;
  /** Quoted, as the header ETag has it. */
  readonly etag: string;
  /** Its name changes with its content: browsers may keep it. */
  readonly isImmutable: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json; charset=utf-8',
  webmanifest: 'application/manifest+json; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
  png: 'image/png',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
  txt: 'text/plain; charset=utf-8',
  map: 'application/json; charset=utf-8',
};
const ETAG_DIGITS = 32;
/** Where the build puts files whose name holds a hash of their content. */
const HASHED_PREFIX = '/assets/';

/** Every file below a folder by its path (`/index.html`), read once; null where there is no such folder. CW_LIMIT, CW_DISK_*. */
export async function readConsole(
  disk: Disk,
  folder: string,
): Promise<ReadonlyMap<string, ConsoleFile> | null> {
  const stat = await disk.statPath(folder);
  if (stat?.kind !== 'directory') return null;
  const files = new Map<string, ConsoleFile>();
  await using root = await disk.openRoot(folder);
  await addFiles(root, '', files);
  return files.has('/index.html') ? files : null;
}

async function addFiles(dir: Dir, prefix: string, files: Map<string, ConsoleFile>): Promise<void> {
  for await (const { name, kind } of dir.list()) {
    if (name === null) continue;
    if (kind === 'directory') {
      await using child = await dir.openDir(name);
      await addFiles(child, `${prefix}/${name}`, files);
    } else if (kind === 'file') {
      files.set(`${prefix}/${name}`, fileOf(`${prefix}/${name}`, await readAll(dir, name)));
      refuseTooMuch(files);
    }
  }
}

async function readAll(dir: Dir, name: string): Promise<Uint8Array> {
  await using file = await dir.openFile(parseName(name), 'read');
  const { sizeBytes } = await file.stat();
  const bytes = new Uint8Array(Math.min(sizeBytes, LIMITS.consoleFilesMaxBytes.value + 1));
  let at = 0;
  while (at < bytes.byteLength) {
    const moved = await file.read(bytes.subarray(at), at);
    if (moved === 0) break;
    at += moved;
  }
  return bytes.subarray(0, at);
}

function fileOf(path: string, bytes: Uint8Array): ConsoleFile {
  const extension = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
  return {
    bytes,
    type: TYPES[extension] ?? 'application/octet-stream',
    etag: `"${toHex(hashBytes(bytes)).slice(0, ETAG_DIGITS)}"`,
    isImmutable: path.startsWith(HASHED_PREFIX),
  };
}

function refuseTooMuch(files: ReadonlyMap<string, ConsoleFile>): void {
  const totalBytes = [...files.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  if (files.size > LIMITS.consoleFilesMax.value || totalBytes > LIMITS.consoleFilesMaxBytes.value) {
    throw new CausewayError('CW_LIMIT', 'the folder of the console holds more than a console has');
  }
}
