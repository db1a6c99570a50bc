// Serves the one file of a RecordingDisk. In a thread of its own: whoever waits for a disk may not be who answers for it.
import fs from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import {
  ATTR_BYTES,
  ATTR_OUT_BYTES,
  ENTRY_BYTES,
  ERRNO,
  FLAG,
  IN_HEADER_BYTES,
  INIT_OUT_BYTES,
  KIND_FILE,
  KIND_FOLDER,
  MAJOR,
  MINOR_MIN,
  OP,
  OUT_HEADER_BYTES,
  ROOT_ID,
} from '../../src/share/fuse/protocol.ts';
import { DISK_NAME, type DiskMemory, DiskRecord } from './disk_record.ts';

const FILE_ID = 2;
const WRITE_MAX_BYTES = 128 * 1024;
const PAGE_BYTES = 4096;
const SECONDS_KNOWN = 1_000n;
/** Of OPEN and WRITE, as uapi/linux/fuse.h has them. */
const OPEN_OUT_BYTES = 16;
const WRITE_IN_BYTES = 40;

const { fd, memory } = workerData as { readonly fd: number; readonly memory: DiskMemory };
const disk = new DiskRecord(memory);
const request = Buffer.alloc(WRITE_MAX_BYTES + 64 * 1024);
const answer = Buffer.alloc(OUT_HEADER_BYTES + WRITE_MAX_BYTES);
const BODY = OUT_HEADER_BYTES;

function putAttributes(node: number, at: number): void {
  answer.fill(0, at, at + ATTR_BYTES);
  const isFile = node === FILE_ID;
  const sizeBytes = isFile ? BigInt(disk.image.byteLength) : 0n;
  answer.writeBigUInt64LE(BigInt(node), at);
  answer.writeBigUInt64LE(sizeBytes, at + 8);
  answer.writeBigUInt64LE(sizeBytes / 512n, at + 16);
  answer.writeUInt32LE(isFile ? KIND_FILE | 0o600 : KIND_FOLDER | 0o700, at + 60);
  answer.writeUInt32LE(1, at + 64);
  answer.writeUInt32LE(PAGE_BYTES, at + 80);
}

function init(): number {
  answer.fill(0, BODY, BODY + INIT_OUT_BYTES);
  answer.writeUInt32LE(MAJOR, BODY);
  answer.writeUInt32LE(MINOR_MIN, BODY + 4);
  answer.writeUInt32LE(WRITE_MAX_BYTES, BODY + 8);
  answer.writeUInt32LE(FLAG.bigWrites | FLAG.maxPages, BODY + 12);
  answer.writeUInt32LE(WRITE_MAX_BYTES, BODY + 20);
  answer.writeUInt32LE(1, BODY + 24);
  answer.writeUInt16LE(WRITE_MAX_BYTES / PAGE_BYTES, BODY + 28);
  return INIT_OUT_BYTES;
}

function lookup(): number {
  const name = request.toString('utf8', IN_HEADER_BYTES, request.indexOf(0, IN_HEADER_BYTES));
  if (name !== DISK_NAME) return -ERRNO.ENOENT;
  answer.fill(0, BODY, BODY + ENTRY_BYTES);
  answer.writeBigUInt64LE(BigInt(FILE_ID), BODY);
  answer.writeBigUInt64LE(SECONDS_KNOWN, BODY + 16);
  answer.writeBigUInt64LE(SECONDS_KNOWN, BODY + 24);
  putAttributes(FILE_ID, BODY + 40);
  return ENTRY_BYTES;
}

function getattr(node: number): number {
  answer.fill(0, BODY, BODY + ATTR_OUT_BYTES);
  answer.writeBigUInt64LE(SECONDS_KNOWN, BODY);
  putAttributes(node, BODY + 16);
  return ATTR_OUT_BYTES;
}

const fromBody = () => ({
  offset: Number(request.readBigUInt64LE(IN_HEADER_BYTES + 8)),
  sizeBytes: request.readUInt32LE(IN_HEADER_BYTES + 16),
});

function read(): number {
  const { offset, sizeBytes } = fromBody();
  const count = Math.max(0, Math.min(sizeBytes, disk.image.byteLength - offset));
  answer.set(disk.image.subarray(offset, offset + count), BODY);
  return count;
}

function write(): number {
  const { offset, sizeBytes } = fromBody();
  const from = IN_HEADER_BYTES + WRITE_IN_BYTES;
  if (offset + sizeBytes > disk.image.byteLength) return -ERRNO.ENOSPC;
  if (!disk.write(offset, request.subarray(from, from + sizeBytes))) return -ERRNO.EIO;
  answer.fill(0, BODY, BODY + 8);
  answer.writeUInt32LE(sizeBytes, BODY);
  return 8;
}

function nothing(sizeBytes = 0): number {
  answer.fill(0, BODY, BODY + sizeBytes);
  return sizeBytes;
}

/** How long the body of the answer is, or an error; null where none is expected. */
function serve(opcode: number, node: number): number | null {
  switch (opcode) {
    case OP.init:
      return init();
    case OP.lookup:
      return node === ROOT_ID ? lookup() : -ERRNO.ENOENT;
    case OP.getattr:
    case OP.setattr:
      return getattr(node);
    case OP.open:
    case OP.opendir:
      return nothing(OPEN_OUT_BYTES);
    case OP.read:
      return read();
    case OP.write:
      return write();
    case OP.fsync:
      return disk.flush() ? nothing() : -ERRNO.EIO;
    case OP.flush:
    case OP.release:
    case OP.releasedir:
    case OP.access:
    case OP.destroy:
      return nothing();
    case OP.fallocate: // told so, a loop device writes zeros where it would have made a hole
      return -ERRNO.EOPNOTSUPP;
    case OP.forget:
    case OP.batchForget:
    case OP.interrupt:
      return null;
    default:
      return -ERRNO.ENOSYS;
  }
}

parentPort?.postMessage('serving');
for (;;) {
  let count: number;
  try {
    count = fs.readSync(fd, request);
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException;
    if (code === 'EINTR' || code === 'EAGAIN' || code === 'ENOENT') continue;
    break; // ENODEV: it was unmounted
  }
  if (count < IN_HEADER_BYTES) break;
  const body = serve(request.readUInt32LE(4), Number(request.readBigUInt64LE(16)));
  if (body === null) continue;
  const sizeBytes = OUT_HEADER_BYTES + Math.max(0, body);
  answer.writeUInt32LE(sizeBytes, 0);
  answer.writeInt32LE(Math.min(0, body), 4);
  answer.writeBigUInt64LE(request.readBigUInt64LE(8), 8);
  try {
    fs.writeSync(fd, answer, 0, sizeBytes);
  } catch {
    // nobody waits for it any more
  }
}
