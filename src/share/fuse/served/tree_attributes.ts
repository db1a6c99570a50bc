import { CausewayError } from '../../../base/errors.ts';
import type { RelPath } from '../../../base/path.ts';
import type { TreeAttributes } from '../../../tree/files/file_tree.ts';
import { isFarAttribute } from '../attribute_names.ts';
import { Refusal } from '../errnos.ts';
import { ERRNO } from '../protocol.ts';
import type { TreeRequest } from './tree_request.ts';

const SIZED_BYTES = 8;
const SHORT_BYTES = 8;
const LONG_BYTES = 16;
const NAME_MAX_BYTES = 255;
const EMPTY = new Uint8Array(0);

/** Extended attributes of a tree as a kernel asks for them. Only those that programs keep for themselves: `user.`. */
export class TreeXattrs {
  readonly #attributes: TreeAttributes | null;
  readonly #pathOf: (request: TreeRequest) => RelPath;
  /** As was agreed with the kernel. */
  hasLongSetxattr = true;

  /** `attributes`: null where the tree has none; the kernel does not ask again then. */
  constructor(attributes: TreeAttributes | null, pathOf: (request: TreeRequest) => RelPath) {
    this.#attributes = attributes;
    this.#pathOf = pathOf;
  }

  async get(request: TreeRequest): Promise<Uint8Array> {
    const attributes = this.#known();
    const name = nameIn(request, SIZED_BYTES);
    const value = await attributes.get(this.#pathOf(request), name);
    if (value === null) throw new Refusal(ERRNO.ENODATA);
    return sized(request, value);
  }

  async list(request: TreeRequest): Promise<Uint8Array> {
    const names = await this.#known().list(this.#pathOf(request));
    const reachable = names.filter((name) => isFarAttribute(name, false));
    return sized(request, new Uint8Array(Buffer.from(reachable.map((name) => `${name}\0`).join(''))));
  }

  async set(request: TreeRequest): Promise<Uint8Array> {
    const attributes = this.#known();
    const nameAt = this.hasLongSetxattr ? LONG_BYTES : SHORT_BYTES;
    const name = nameIn(request, nameAt);
    const [sizeBytes, flags, valueAt] = [request.u32(0), request.u32(4), request.behind(nameAt)];
    const value = request.body.slice(valueAt, valueAt + sizeBytes);
    if (value.byteLength < sizeBytes) throw new CausewayError('CW_DISK_NAME', 'a value is too short');
    await attributes.set(this.#pathOf(request), name, value, flags);
    return EMPTY;
  }

  async remove(request: TreeRequest): Promise<Uint8Array> {
    const attributes = this.#known();
    await attributes.remove(this.#pathOf(request), nameIn(request, 0));
    return EMPTY;
  }

  #known(): TreeAttributes {
    if (this.#attributes === null) throw new Refusal(ERRNO.ENOSYS);
    return this.#attributes;
  }
}

function nameIn(request: TreeRequest, at: number): string {
  const name = request.text(at);
  if (Buffer.byteLength(name) > NAME_MAX_BYTES) throw new Refusal(ERRNO.ERANGE);
  if (!isFarAttribute(name, false)) throw new Refusal(ERRNO.EOPNOTSUPP);
  return name;
}

/** The value, or its size where that is all that was asked for. */
function sized(request: TreeRequest, value: Uint8Array): Uint8Array {
  const room = request.u32(0);
  if (room === 0) {
    const size = new Uint8Array(SIZED_BYTES);
    new DataView(size.buffer).setUint32(0, value.byteLength, true);
    return size;
  }
  if (value.byteLength > room) throw new Refusal(ERRNO.ERANGE);
  return value;
}
