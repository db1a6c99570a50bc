import type { PosixMemory } from '../../world/posix.ts';
import { ERRNO, IN_HEADER_BYTES } from './protocol.ts';

const NAME_MAX_BYTES = 255;
const SLASH = 0x2f;
const DOT = 0x2e;

/** One request, as it lies in memory; one object serves all, one after the other. */
export class Frame {
  readonly #memory: PosixMemory;
  opcode = 0;
  nodeId = 0;
  userId = 0;
  groupId = 0;
  processId = 0;
  uniqueLow = 0;
  uniqueHigh = 0;
  /** What follows the header. */
  body = 0;
  end = 0;

  constructor(memory: PosixMemory) {
    this.#memory = memory;
  }

  /** False where the bytes there are no request. */
  read(start: number, lengthBytes: number): boolean {
    const { view } = this.#memory;
    if (lengthBytes < IN_HEADER_BYTES || view.getUint32(start, true) !== lengthBytes) return false;
    this.opcode = view.getUint32(start + 4, true);
    this.uniqueLow = view.getUint32(start + 8, true);
    this.uniqueHigh = view.getUint32(start + 12, true);
    this.nodeId = idAt(view, start + 16);
    this.userId = view.getUint32(start + 24, true);
    this.groupId = view.getUint32(start + 28, true);
    this.processId = view.getUint32(start + 32, true);
    this.body = start + IN_HEADER_BYTES;
    this.end = start + lengthBytes;
    return true;
  }

  /** Whether a structure of that size follows the header. */
  holds(bodyBytes: number): boolean {
    return this.body + bodyBytes <= this.end;
  }

  /** Where the NUL of a text is; -1 where it has none. */
  endOfText(at: number): number {
    const nul = this.#memory.bytes.indexOf(0, at);
    return nul >= at && nul < this.end ? nul : -1;
  }

  /**
   * The name of one entry there: the place of its NUL, or the negated error of a name that could lead elsewhere.
   */
  endOfName(at: number): number {
    const { bytes } = this.#memory;
    const nul = this.endOfText(at);
    const sizeBytes = nul - at;
    if (nul < 0 || sizeBytes === 0) return -ERRNO.EINVAL;
    if (sizeBytes > NAME_MAX_BYTES) return -ERRNO.ENAMETOOLONG;
    if (bytes[at] === DOT && (sizeBytes === 1 || (sizeBytes === 2 && bytes[at + 1] === DOT)))
      return -ERRNO.EINVAL;
    // a search by Buffer goes on behind the name, through all of the memory
    for (let place = at; place < nul; place += 1) if (bytes[place] === SLASH) return -ERRNO.EINVAL;
    return nul;
  }
}

/** An id of 64 bits that this server gave: all of them fit. */
export function idAt(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

export function putId(view: DataView, at: number, id: number): void {
  view.setUint32(at, id % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(id / 2 ** 32), true);
}
