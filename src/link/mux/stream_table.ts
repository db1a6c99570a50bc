import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { MuxStream } from './mux_stream.ts';

const ID_MAX = 2 ** 32 - 1;

/** The open streams of a mux by id. The dialling side opens odd ids, the other one even ids, both in rising order. */
export class StreamTable {
  readonly #streams = new Map<number, MuxStream>();
  readonly #ownParity: number;
  #nextOwnId: number;
  #lastPeerId = 0;
  #ownOpen = 0;
  #peerOpen = 0;

  constructor(dialer: boolean) {
    this.#ownParity = dialer ? 1 : 0;
    this.#nextOwnId = dialer ? 1 : 2;
  }

  get size(): number {
    return this.#streams.size;
  }

  find(id: number): MuxStream | undefined {
    return this.#streams.get(id);
  }

  [Symbol.iterator](): Iterator<MuxStream> {
    return this.#streams.values();
  }

  /** An id for a stream of this side. Throws CW_LIMIT when streamsMax of them are open. */
  takeOwnId(): number {
    if (this.#ownOpen >= LIMITS.streamsMax.value || this.#nextOwnId > ID_MAX) {
      throw new CausewayError('CW_LIMIT', `${this.#ownOpen} streams are open on the link`);
    }
    const id = this.#nextOwnId;
    this.#nextOwnId += 2;
    this.#ownOpen += 1;
    return id;
  }

  /** The peer begins a stream. Throws CW_WIRE_* for an id that is not its next, and beyond streamsMax. */
  takePeerId(id: number): void {
    if (this.#isOwn(id) || id <= this.#lastPeerId) {
      throw new CausewayError('CW_WIRE_MALFORMED', `the peer opens stream ${id} after ${this.#lastPeerId}`);
    }
    if (this.#peerOpen >= LIMITS.streamsMax.value) {
      throw new CausewayError('CW_WIRE_TOO_LARGE', `the peer opens more than ${this.#peerOpen} streams`);
    }
    this.#lastPeerId = id;
    this.#peerOpen += 1;
  }

  add(stream: MuxStream): void {
    this.#streams.set(stream.id, stream);
  }

  /** True for an id that was taken at some time. */
  wasTaken(id: number): boolean {
    return this.#isOwn(id) ? id < this.#nextOwnId : id <= this.#lastPeerId;
  }

  /** False when the stream is not in the table any more. */
  remove(stream: MuxStream): boolean {
    if (!this.#streams.delete(stream.id)) return false;
    this.giveBack(stream.id);
    return true;
  }

  /** An id that was taken is in use no more. */
  giveBack(id: number): void {
    if (this.#isOwn(id)) this.#ownOpen -= 1;
    else this.#peerOpen -= 1;
  }

  #isOwn(id: number): boolean {
    return id % 2 === this.#ownParity;
  }
}
