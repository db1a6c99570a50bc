import { toHex } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { BoundedQueue } from '../base/queue.ts';
import { ReceivingLane } from '../link/lane/receiving_lane.ts';
import type { Mux, Stream } from '../link/mux/mux.ts';
import { decodeLaneOpening } from '../wire/copy_messages.ts';
import type { LaneAcceptor } from './link_ports.ts';

/** Gives each lane stream of one link to the transfer it belongs to. */
export class LaneRouter {
  readonly #mux: Pick<Mux, 'stats' | 'lanes'>;
  readonly #waiting = new Map<string, BoundedQueue<Stream>>();

  constructor(mux: Pick<Mux, 'stats' | 'lanes'>) {
    this.#mux = mux;
  }

  /** Lanes of one transfer, from now until the returned acceptor is closed. */
  expect(transferId: Uint8Array): LaneAcceptor {
    const key = toHex(transferId);
    const queue = new BoundedQueue<Stream>(LIMITS.lanesMax.value);
    this.#waiting.get(key)?.close();
    this.#waiting.set(key, queue);
    return {
      authenticated: this.#mux.stats.peer.tlsCipher !== null,
      next: () => queue.pull(),
      close: () => {
        queue.close();
        if (this.#waiting.get(key) === queue) this.#waiting.delete(key);
      },
    };
  }

  /** Takes a stream that the peer opened; one that nobody expects is reset. */
  offer(stream: Stream): void {
    const { transferId, direct } = decodeLaneOpening(stream.opening);
    const queue = this.#waiting.get(toHex(transferId));
    const { lanes } = this.#mux;
    const lane = direct && lanes && queue !== undefined ? new ReceivingLane(stream, lanes) : stream;
    if (queue?.tryPush(lane)) return;
    lane.reset(
      new CausewayError('CW_WIRE_MALFORMED', 'a lane was opened for no running transfer, or one too many'),
    );
  }
}
