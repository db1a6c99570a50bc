import { FRAME_HEADER_BYTES, type FrameHeader, writeFrameHeader } from '../../wire/mux_frame.ts';
import type { OutgoingMessage } from './outgoing_message.ts';

const BLOCK_BYTES = 16 * 1024;
/** A shorter payload is copied behind its header: one part instead of two, and its arrays are free at once. */
const COPY_MAX_BYTES = 512;
const FRAMES_MAX = 64;

/** Memory for frame headers and short payloads. It is never used twice: the session keeps references for repeats. */
export class FrameMemory {
  block = new Uint8Array(BLOCK_BYTES);
  at = 0;

  /** Makes room for `sizeBytes` ≤ BLOCK_BYTES in one block; true when a new block was begun. */
  reserve(sizeBytes: number): boolean {
    if (this.at + sizeBytes <= this.block.byteLength) return false;
    this.block = new Uint8Array(BLOCK_BYTES);
    this.at = 0;
    return true;
  }
}

/** Frames that go to the session in one write. */
export class FrameBatch {
  readonly parts: Uint8Array[] = [];
  readonly #memory: FrameMemory;
  readonly #held: OutgoingMessage[] = [];
  readonly #maxBytes: number;
  #runFrom: number;
  #sizeBytes = 0;
  #frames = 0;

  constructor(memory: FrameMemory, maxBytes: number) {
    this.#memory = memory;
    this.#maxBytes = maxBytes;
    this.#runFrom = memory.at;
  }

  /** Payload bytes that another frame may have; 0 when the batch is full. A rest that would cut a message into crumbs is not offered. */
  get roomBytes(): number {
    if (this.#frames === 0) return this.#maxBytes;
    const room = this.#maxBytes - this.#sizeBytes;
    return this.#frames >= FRAMES_MAX || room < this.#maxBytes / 4 ? 0 : room;
  }

  /** Adds a frame whose payload is small and written at once. */
  addCopy(header: FrameHeader, payload: Uint8Array | null): void {
    this.#header(header);
    if (payload !== null) this.#copy(payload);
  }

  /** Adds the frame of `header` with the next header.lengthBytes of `message`; `message` is held until `release` unless its bytes were copied. */
  addMessage(header: FrameHeader, message: OutgoingMessage): void {
    const { lengthBytes } = header;
    const payload: Uint8Array[] = [];
    message.take(lengthBytes, payload);
    this.#header(header);
    if (lengthBytes <= COPY_MAX_BYTES) {
      for (const part of payload) this.#copy(part);
      return;
    }
    this.#endRun();
    for (const part of payload) this.parts.push(part);
    this.#sizeBytes += lengthBytes;
    message.hold();
    this.#held.push(message);
  }

  /** The batch is complete: `parts` may be used. */
  finish(): void {
    this.#endRun();
  }

  /** The session needs the parts no more. */
  release(): void {
    for (const message of this.#held.splice(0)) message.unhold();
  }

  #header(header: FrameHeader): void {
    this.#room(FRAME_HEADER_BYTES);
    this.#frames += 1;
    this.#memory.at = writeFrameHeader(this.#memory.block, this.#memory.at, header);
    this.#sizeBytes += FRAME_HEADER_BYTES;
  }

  #copy(bytes: Uint8Array): void {
    this.#room(bytes.byteLength);
    this.#memory.block.set(bytes, this.#memory.at);
    this.#memory.at += bytes.byteLength;
    this.#sizeBytes += bytes.byteLength;
  }

  #room(sizeBytes: number): void {
    const { block, at } = this.#memory;
    if (!this.#memory.reserve(sizeBytes)) return;
    if (at > this.#runFrom) this.parts.push(block.subarray(this.#runFrom, at));
    this.#runFrom = 0;
  }

  #endRun(): void {
    const { block, at } = this.#memory;
    if (at > this.#runFrom) this.parts.push(block.subarray(this.#runFrom, at));
    this.#runFrom = at;
  }
}
