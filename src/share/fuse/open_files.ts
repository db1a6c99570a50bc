import { LIMITS } from '../../base/limits.ts';
import type { PosixData } from '../../world/posix.ts';
import type { FuseNode } from './nodes.ts';
import { ERRNO } from './protocol.ts';

/** What an opener has. */
export interface OpenFile {
  readonly fd: number;
  readonly node: FuseNode;
  /** Of a folder: entries that were fetched and not yet given, and where the next ones begin. */
  readonly listing: Listing | null;
}

export interface Listing {
  bytes: Buffer;
  at: number;
  nextCookie: bigint;
  isAtEnd: boolean;
  /** When it began, where all of it so far was told with attributes. */
  since: FuseNode['listed'];
}

/** Open files and folders by the handles that the kernel has for them. */
export class OpenFiles {
  readonly #data: PosixData;
  readonly #max: number;
  readonly #byHandle = new Map<number, OpenFile>();
  #nextHandle: number;
  #folders = 0;

  constructor(data: PosixData, max: number, firstHandle: number) {
    this.#data = data;
    this.#max = max;
    this.#nextHandle = firstHandle;
  }

  get size(): number {
    return this.#byHandle.size;
  }

  /** The handle; `fd` is owned. An error where too many are open: `fd` is closed then. */
  add(fd: number, node: FuseNode, isFolder: boolean): number {
    const tooMany = isFolder && this.#folders >= LIMITS.mountFoldersListedMax.value;
    if (tooMany || this.#byHandle.size >= this.#max) {
      this.#data.close(fd);
      return -ERRNO.ENFILE;
    }
    const handle = this.#nextHandle;
    this.#nextHandle += 1;
    const listing = isFolder
      ? { bytes: Buffer.alloc(0), at: 0, nextCookie: 0n, isAtEnd: false, since: null }
      : null;
    this.#byHandle.set(handle, { fd, node, listing });
    if (isFolder) this.#folders += 1;
    else node.openFds.push(fd);
    return handle;
  }

  get(handle: number): OpenFile | undefined {
    return this.#byHandle.get(handle);
  }

  remove(handle: number): OpenFile | undefined {
    const file = this.#byHandle.get(handle);
    if (file === undefined) return undefined;
    this.#byHandle.delete(handle);
    if (file.listing !== null) this.#folders -= 1;
    const at = file.node.openFds.indexOf(file.fd);
    if (at >= 0) file.node.openFds.splice(at, 1);
    this.#data.close(file.fd);
    return file;
  }

  close(): void {
    for (const handle of [...this.#byHandle.keys()]) this.remove(handle);
  }
}
