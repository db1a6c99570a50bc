import { fromUtf8 } from '../../../base/bytes.ts';
import { CausewayError } from '../../../base/errors.ts';
import { type Name, parseName } from '../../../base/path.ts';
import { idAt } from '../frame.ts';
import { IN_HEADER_BYTES } from '../protocol.ts';

/** One request of the kernel, in memory of its own. */
export class TreeRequest {
  readonly opcode: number;
  readonly unique: bigint;
  readonly nodeId: number;
  readonly body: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.opcode = head.getUint32(4, true);
    this.unique = head.getBigUint64(8, true);
    this.nodeId = idAt(head, 16);
    this.body = bytes.subarray(IN_HEADER_BYTES);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset + IN_HEADER_BYTES, this.body.byteLength);
  }

  u32(at: number): number {
    return this.#view.getUint32(this.#within(at, 4), true);
  }

  id(at: number): number {
    return idAt(this.#view, this.#within(at, 8));
  }

  i64(at: number): bigint {
    return this.#view.getBigInt64(this.#within(at, 8), true);
  }

  /** The text that begins there, without its NUL. CW_DISK_NAME where it is no valid UTF-8. */
  text(at: number): string {
    const end = this.body.indexOf(0, at);
    const text = end < 0 ? null : fromUtf8(this.body.subarray(at, end));
    if (text === null) throw new CausewayError('CW_DISK_NAME', 'a name is not valid Unicode');
    return text;
  }

  /** The name that begins there. CW_DISK_NAME. */
  name(at: number): Name {
    return parseName(this.text(at));
  }

  /** Behind the text that begins there. */
  behind(at: number): number {
    return this.body.indexOf(0, at) + 1;
  }

  #within(at: number, sizeBytes: number): number {
    if (at + sizeBytes > this.body.byteLength)
      throw new CausewayError('CW_DISK_NAME', `request ${this.opcode} of the kernel is too short`);
    return at;
  }
}
