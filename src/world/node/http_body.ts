import type { IncomingMessage } from 'node:http';
import { LIMITS } from '../../base/limits.ts';

/** Pieces from here on have memory of their own, which is worth being given back at once. */
const OWN_MEMORY_BYTES = 16 * 1024;
/**
 * The body of a request in large pieces, each valid until the next one is asked for. What arrives while a piece is worked
 * on is gathered meanwhile, up to as much again; beyond, the client waits. Ends early where the client goes away.
 */
export async function* gatheredBody(message: IncomingMessage): AsyncGenerator<Uint8Array> {
  const body = new Gathering(message);
  try {
    for (let piece = await body.next(); piece !== null; piece = await body.next()) yield piece;
  } finally {
    body.release();
  }
}

class Gathering {
  readonly #message: IncomingMessage;
  readonly #buffers: readonly [Uint8Array, Uint8Array];
  /** What is passed on before the end of the body. */
  readonly #enoughBytes: number;
  #turn = 0;
  #filled = 0;
  /** What came although there was no room for it. */
  #waiting: Uint8Array[] = [];
  #isOver = false;
  #wake: () => void = () => undefined;
  readonly #onData = (piece: Uint8Array) => this.#take(piece);
  readonly #onEnd = () => {
    this.#isOver = true;
    this.#wake();
  };

  constructor(message: IncomingMessage) {
    const length = Number(message.headers['content-length'] ?? Number.POSITIVE_INFINITY);
    const sizeBytes = Math.min(length, LIMITS.davPieceBytes.value);
    const isWhole = sizeBytes === length;
    this.#message = message;
    this.#buffers = [new Uint8Array(sizeBytes), new Uint8Array(isWhole ? 0 : sizeBytes)];
    this.#enoughBytes = isWhole ? sizeBytes : sizeBytes / 2;
    this.#isOver = message.readableEnded || message.destroyed;
    message.on('data', this.#onData);
    for (const event of ['end', 'close', 'error']) message.on(event, this.#onEnd);
  }

  /** Null at the end. */
  async next(): Promise<Uint8Array | null> {
    while (this.#filled < this.#enoughBytes && !this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    if (this.#filled === 0) return null;
    const piece = this.#buffers[this.#turn]!.subarray(0, this.#filled);
    this.#turn = 1 - this.#turn;
    this.#filled = 0;
    this.#refill();
    return piece;
  }

  release(): void {
    this.#message.off('data', this.#onData);
    for (const event of ['end', 'close', 'error']) this.#message.off(event, this.#onEnd);
  }

  /** Gives what waits a place, and lets more come if that was all. */
  #refill(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const piece of waiting) this.#take(piece);
    if (this.#waiting.length === 0) this.#message.resume();
  }

  #take(piece: Uint8Array): void {
    const buffer = this.#buffers[this.#turn]!;
    const room = this.#waiting.length > 0 ? 0 : buffer.byteLength - this.#filled;
    const head = piece.subarray(0, room);
    buffer.set(head, this.#filled);
    this.#filled += head.byteLength;
    if (head.byteLength < piece.byteLength) {
      this.#waiting.push(piece.subarray(room));
      this.#message.pause();
    } else giveBack(piece);
    this.#wake();
  }
}

/**
 * Frees the memory of a piece that was copied. It would wait for the garbage collector, which comes the more often the more
 * of such memory there is: twenty times for each GiB of an upload, at more cost than all else that is done with it.
 */
function giveBack({ buffer, byteLength }: Uint8Array): void {
  const isAlone = byteLength === buffer.byteLength && byteLength >= OWN_MEMORY_BYTES;
  if (isAlone && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
