import { isUncounted } from './counting.ts';
import { idAt, putId } from './frame.ts';
import type { FuseNode } from './nodes.ts';
import type { Listing, OpenFile } from './open_files.ts';
import { DIRENT_BYTES, ENTRY_BYTES, ERRNO, OPENED_CACHES_LIST, OPENED_KEEPS } from './protocol.ts';
import { type FuseState, type Operation, PLACE } from './state.ts';

/** O_RDONLY, O_DIRECTORY; the second differs between machines, and a folder is nothing else. */
const O_RDONLY = 0;
/** Of `struct linux_dirent64`. */
const ENTRY = { inode: 0, next: 8, sizeBytes: 16, type: 18, name: 19 } as const;
const DOT = 0x2e;
const DONE = -1;

export const opendir: Operation = (state) =>
  state.with(state.node, (pathFd) => {
    const { node, posix } = state;
    if (node === undefined) return -ERRNO.ESTALE;
    if (!node.isFolder) return -ERRNO.ENOTDIR;
    state.nodes.folderFd(node); // so that it is watched before it is listed
    const fd = posix.names.reopen(pathFd, O_RDONLY);
    if (fd < 0) return fd;
    const handle = state.files.add(fd, node, true);
    if (handle < 0) return handle;
    putId(state.view, state.out, handle);
    putId(state.view, state.out + 8, listFlags(state, node));
    return 16;
  });

/** A listing that the kernel has may be used again while nobody else has changed the folder. */
function listFlags({ watching, options }: FuseState, node: FuseNode): number {
  if (watching === null || node.watch <= 0 || options.times.namesMs === 0) return 0;
  watching.collect();
  return OPENED_CACHES_LIST | (watching.isListed(node) ? OPENED_KEEPS : 0);
}

/** Fetches entries where none are left; how many bytes there are, or an error. */
function fill({ posix }: FuseState, fd: number, listing: Listing, cookie: bigint): number {
  const goesOn = cookie === listing.nextCookie;
  if (goesOn && (listing.at < listing.bytes.length || listing.isAtEnd)) return listing.bytes.length;
  const count = posix.data.list(fd, PLACE.list, PLACE.listBytes, goesOn && cookie !== 0n ? null : cookie);
  if (count < 0) return count;
  listing.bytes = Buffer.from(posix.memory.bytes.subarray(PLACE.list, PLACE.list + count));
  listing.at = 0;
  listing.nextCookie = cookie;
  listing.isAtEnd = count === 0;
  return count;
}

function isDots(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] !== DOT) return false;
  return end - start === 1 || (end - start === 2 && bytes[start + 1] === DOT);
}

/** What an entry is, for READDIRPLUS; nothing where it is gone meanwhile. */
function writePlus(state: FuseState, file: OpenFile, nameAt: number, name: Buffer, to: number): void {
  const { posix, nodes } = state;
  const found = posix.attrs.stat(file.fd, nameAt, PLACE.statx);
  const node = found < 0 ? null : nodes.remember(file.node, name.toString('latin1'));
  if (node === null) posix.memory.bytes.fill(0, to, to + ENTRY_BYTES);
  else state.writeEntry(node, to);
}

/** Writes the next entry of a listing; its size, or -1 where there is no room. */
function writeEntry(
  state: FuseState,
  file: OpenFile,
  listing: Listing,
  to: number,
  room: number,
  plus: boolean,
): number {
  const { bytes, at } = listing;
  const { view } = state;
  const memory = state.posix.memory.bytes;
  const start = at + ENTRY.name;
  const end = bytes.indexOf(0, start);
  const head = plus ? ENTRY_BYTES : 0;
  const sizeBytes = head + ((DIRENT_BYTES + end - start + 7) & ~7);
  if (sizeBytes > room) return DONE;
  const nameAt = to + head + DIRENT_BYTES;
  bytes.copy(memory, nameAt, start, end);
  memory.fill(0, nameAt + end - start, to + sizeBytes);
  if (plus) {
    if (isDots(bytes, start, end)) memory.fill(0, to, to + ENTRY_BYTES);
    else {
      const placed = state.nodes.putBytes(bytes, start, end);
      writePlus(state, file, placed, bytes.subarray(start, end), to);
    }
  }
  bytes.copy(memory, to + head, at + ENTRY.inode, at + ENTRY.sizeBytes);
  view.setUint32(to + head + 16, end - start, true);
  view.setUint32(to + head + 20, bytes[at + ENTRY.type] ?? 0, true);
  pass(listing);
  return sizeBytes;
}

/** The name of the next entry, bytes as Latin-1. */
function nameIn({ bytes, at }: Listing): string {
  const start = at + ENTRY.name;
  return bytes.toString('latin1', start, bytes.indexOf(0, start));
}

/** Goes on behind the next entry. */
function pass(listing: Listing): void {
  const { bytes, at } = listing;
  listing.nextCookie = bytes.readBigInt64LE(at + ENTRY.next);
  listing.at = at + bytes.readUInt16LE(at + ENTRY.sizeBytes);
}

function list(state: FuseState, plus: boolean): number {
  const { frame, view, out } = state;
  const file = frame.holds(24) ? state.files.get(idAt(view, frame.body)) : undefined;
  const listing = file?.listing;
  if (file === undefined || !listing) return -ERRNO.EBADF;
  const room = Math.min(view.getUint32(frame.body + 16, true), PLACE.answerBytes - 16);
  let cookie = view.getBigInt64(frame.body + 8, true);
  let written = 0;
  if (!plus) listing.since = null;
  else if (cookie === 0n) listing.since = state.watching?.listing(file.node) ?? null;
  for (;;) {
    const filled = fill(state, file.fd, listing, cookie);
    if (filled < 0) return written > 0 ? written : filled;
    if (listing.at >= listing.bytes.length) {
      file.node.listed = listing.since ?? file.node.listed;
      return written;
    }
    if (isUncounted(state, nameIn(listing))) {
      pass(listing);
      cookie = listing.nextCookie;
      continue;
    }
    const sizeBytes = writeEntry(state, file, listing, out + written, room - written, plus);
    if (sizeBytes === DONE) return written === 0 ? -ERRNO.EINVAL : written;
    written += sizeBytes;
    cookie = listing.nextCookie;
  }
}

export const readdir: Operation = (state) => list(state, false);
export const readdirplus: Operation = (state) => list(state, true);
