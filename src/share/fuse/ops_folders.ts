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

/** Whether the name of the next entry is that of the folder itself or of the one above. */
function isDots({ bytes, at }: Listing, sizeBytes: number): boolean {
  const start = at + ENTRY.name;
  return bytes[start] === DOT && (sizeBytes === 1 || (sizeBytes === 2 && bytes[start + 1] === DOT));
}

/** What an entry is, for READDIRPLUS; nothing where it is gone meanwhile. */
function writePlus(
  state: FuseState,
  file: OpenFile,
  { bytes, at }: Listing,
  nameBytes: number,
  to: number,
): void {
  const { posix, nodes } = state;
  const start = at + ENTRY.name;
  const end = start + nameBytes;
  const found = posix.attrs.stat(file.fd, nodes.putBytes(bytes, start, end), PLACE.statx);
  const node = found < 0 ? null : nodes.remember(file.node, bytes.toString('latin1', start, end));
  if (node === null) posix.memory.bytes.fill(0, to, to + ENTRY_BYTES);
  else state.writeEntry(node, to);
}

/** Writes the next entry of a listing, whose name has so many bytes; its size, or -1 where there is no room. */
function writeEntry(
  state: FuseState,
  file: OpenFile,
  listing: Listing,
  nameBytes: number,
  { to, room, plus }: { readonly to: number; readonly room: number; readonly plus: boolean },
): number {
  const { bytes, at } = listing;
  const { view } = state;
  const memory = state.posix.memory.bytes;
  const start = at + ENTRY.name;
  const head = plus ? ENTRY_BYTES : 0;
  const sizeBytes = head + ((DIRENT_BYTES + nameBytes + 7) & ~7);
  if (sizeBytes > room) return DONE;
  const nameAt = to + head + DIRENT_BYTES;
  // a call that copies costs more than so few bytes do
  for (let byte = 0; byte < nameBytes; byte += 1) memory[nameAt + byte] = bytes[start + byte] ?? 0;
  for (let end = nameAt + nameBytes; end < to + sizeBytes; end += 1) memory[end] = 0;
  if (plus) {
    if (isDots(listing, nameBytes)) memory.fill(0, to, to + ENTRY_BYTES);
    else writePlus(state, file, listing, nameBytes, to);
  }
  for (let byte = 0; byte < ENTRY.sizeBytes; byte += 1) memory[to + head + byte] = bytes[at + byte] ?? 0;
  view.setUint32(to + head + 16, nameBytes, true);
  view.setUint32(to + head + 20, bytes[at + ENTRY.type] ?? 0, true);
  pass(listing);
  return sizeBytes;
}

/** How many bytes the name of the next entry has: a search by Buffer goes on behind the entry, and is a call. */
function nameBytesIn({ bytes, at }: Listing): number {
  const start = at + ENTRY.name;
  let end = start;
  while (end < bytes.length && bytes[end] !== 0) end += 1;
  return end - start;
}

/** Whether the next entry is not there for whoever uses the mount. */
function isHidden(state: FuseState, { bytes, at }: Listing, nameBytes: number): boolean {
  const { quota, keeper } = state.options;
  if (quota === null && keeper === undefined) return false;
  const start = at + ENTRY.name;
  return isUncounted(state, bytes.toString('latin1', start, start + nameBytes));
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
    const nameBytes = nameBytesIn(listing);
    if (isHidden(state, listing, nameBytes)) {
      pass(listing);
      cookie = listing.nextCookie;
      continue;
    }
    const sizeBytes = writeEntry(state, file, listing, nameBytes, {
      to: out + written,
      room: room - written,
      plus,
    });
    if (sizeBytes === DONE) return written === 0 ? -ERRNO.EINVAL : written;
    written += sizeBytes;
    cookie = listing.nextCookie;
  }
}

export const readdir: Operation = (state) => list(state, false);
export const readdirplus: Operation = (state) => list(state, true);
