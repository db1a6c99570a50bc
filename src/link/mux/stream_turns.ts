import { FairTurns } from '../../base/fair_turns.ts';
import type { StreamShare } from './mux.ts';
import type { MuxStream } from './mux_stream.ts';

/** The streams of one class that have something to send: their shares by weight, those of one share in turn. */
export class StreamTurns {
  readonly #shares = new FairTurns<StreamShare>();
  readonly #streams = new Map<StreamShare, Set<MuxStream>>();

  get size(): number {
    return this.#streams.size;
  }

  /** Whether a stream of the share has something to send. */
  has(share: StreamShare): boolean {
    return this.#streams.has(share);
  }

  add(stream: MuxStream): void {
    const { share } = stream;
    const streams = this.#streams.get(share) ?? new Set();
    this.#streams.set(share, streams.add(stream));
    this.#shares.wait(share);
  }

  delete(stream: MuxStream): void {
    const streams = this.#streams.get(stream.share);
    if (!streams?.delete(stream) || streams.size > 0) return;
    this.#streams.delete(stream.share);
    this.#shares.leave(stream.share);
  }

  /** Takes the stream out whose turn it is; null when there is none. */
  take(): MuxStream | null {
    const share = this.#shares.next();
    if (share === null) return null;
    const [stream] = this.#streams.get(share) as Set<MuxStream>;
    this.delete(stream as MuxStream);
    return stream as MuxStream;
  }

  sent({ share }: MuxStream, sizeBytes: number): void {
    this.#shares.sent(share, sizeBytes, share.weight);
  }

  clear(): void {
    for (const share of this.#streams.keys()) this.#shares.leave(share);
    this.#streams.clear();
  }
}
