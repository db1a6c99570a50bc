import { CausewayError } from '../base/errors.ts';

/** Reads a fixed binary layout, little endian, from its start. Each method throws CW_WIRE_TRUNCATED where bytes are missing. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;

  /** `what` names the layout in errors, for example `a chunk record`. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get remainingBytes(): number {
    return this.#bytes.byteLength - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  /** A view of the next `sizeBytes` bytes. */
  view(sizeBytes: number): Uint8Array {
    const start = this.#advance(sizeBytes);
    return this.#bytes.subarray(start, start + sizeBytes);
  }

  /** A copy of the next `sizeBytes` bytes. */
  copy(sizeBytes: number): Uint8Array {
    return new Uint8Array(this.view(sizeBytes));
  }

  /** Throws CW_WIRE_MALFORMED where bytes are left over. */
  expectEnd(): void {
    if (this.remainingBytes === 0) return;
    throw new CausewayError('CW_WIRE_MALFORMED', `${this.#what} has ${this.remainingBytes} bytes too many`);
  }

  #advance(sizeBytes: number): number {
    const start = this.#at;
    if (sizeBytes > this.#bytes.byteLength - start) {
      throw new CausewayError(
        'CW_WIRE_TRUNCATED',
        `${this.#what} ends after ${this.#bytes.byteLength} bytes`,
      );
    }
    this.#at = start + sizeBytes;
    return start;
  }
}
