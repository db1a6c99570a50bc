import { CausewayError } from '../../base/errors.ts';
import { type Name, parseName } from '../../base/path.ts';
import type { Dir, DiskFile } from '../../world/disk.ts';

const MODE = 0o600;
const SEGMENT_FORM = /^segment-(\d{8,})$/;

/** `segment-00000001`, so that a listing by name is one by number. */
export function segmentName(segment: number): Name {
  return parseName(`segment-${String(segment).padStart(8, '0')}`);
}

/** The numbers of the segments of a directory, ascending. */
export async function listSegments(dir: Dir): Promise<number[]> {
  const segments: number[] = [];
  for await (const entry of dir.list()) {
    const match = SEGMENT_FORM.exec(entry.rawName);
    if (match !== null && entry.rawName === segmentName(Number(match[1]))) segments.push(Number(match[1]));
  }
  return segments.sort((a, b) => a - b);
}

export async function writeFully(file: DiskFile, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += await file.write(bytes.subarray(at), offset + at);
}

/** What stands from `offset` on, at most `lengthBytes`: less at the end of the file. */
export async function readUpTo(file: DiskFile, offset: number, lengthBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(lengthBytes);
  let at = 0;
  while (at < lengthBytes) {
    const moved = await file.read(bytes.subarray(at), offset + at);
    if (moved === 0) break;
    at += moved;
  }
  return bytes.subarray(0, at);
}

/** The first `maxBytes` of a file, all of it by default; null where it does not exist. */
export async function readFile(
  dir: Dir,
  name: Name,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<Uint8Array | null> {
  const file = await openOrNull(dir, name);
  if (file === null) return null;
  try {
    const { sizeBytes } = await file.stat();
    return await readUpTo(file, 0, Math.min(sizeBytes, maxBytes));
  } finally {
    await file.close();
  }
}

async function openOrNull(dir: Dir, name: Name): Promise<DiskFile | null> {
  try {
    return await dir.openFile(name, 'read');
  } catch (failure) {
    if (isNotFound(failure)) return null;
    throw failure;
  }
}

/** A new file with these bytes, durable; what stood there under this name is gone. The caller closes it. */
export async function createFile(dir: Dir, name: Name, bytes: Uint8Array): Promise<DiskFile> {
  await removeFile(dir, name);
  const file = await dir.openFile(name, 'create', MODE);
  try {
    await writeFully(file, bytes, 0);
    await file.datasync();
    await dir.sync();
    return file;
  } catch (failure) {
    await file.close();
    throw failure;
  }
}

/** Nothing happens where there is no such file. */
export async function removeFile(dir: Dir, name: Name): Promise<void> {
  try {
    await dir.removeFile(name);
  } catch (failure) {
    if (!isNotFound(failure)) throw failure;
  }
}

function isNotFound(failure: unknown): boolean {
  return failure instanceof CausewayError && failure.code === 'CW_DISK_NOT_FOUND';
}
