import { LIMITS } from '../../base/limits.ts';
import type { LanePort } from '../../link/lane/lane_port.ts';
import type { Stream } from '../../link/mux/mux.ts';
import type { LaneTicket } from '../../wire/lane_switch.ts';
import { type DetourMark, decodeDetourMark, encodeDetourMark } from '../../wire/mount_detour.ts';
import type { PipeEnd } from '../../world/mounts.ts';

/** What the two sides say to each other before there is a connection; the rest is the threads' matter. */
type OfferMark = Extract<DetourMark, { mark: 'ask' | 'offer' }>;

/** Pauses get longer up to that many times the first one. */
const LONGER_MAX = 64;

/** Gets a mount connections of its own beside the link, for one stream: both sides' part. Where none comes, the link serves. */
export class DetourOffers {
  readonly #stream: Pick<Stream, 'send'>;
  readonly #lanes: LanePort;
  readonly #adopt: (pipe: PipeEnd) => void;
  readonly #over = new AbortController();
  #times = 1;
  #isPausing = false;

  /** `adopt` gets each connection that comes about. */
  constructor(stream: Pick<Stream, 'send'>, lanes: LanePort, adopt: (pipe: PipeEnd) => void) {
    this.#stream = stream;
    this.#lanes = lanes;
    this.#adopt = adopt;
  }

  /** What a message of the stream says about it; null for frames, and for what the threads say. CW_WIRE_MALFORMED. */
  static markOf(message: Uint8Array): OfferMark | null {
    const mark = decodeDetourMark(message);
    return mark !== null && (mark.mark === 'ask' || mark.mark === 'offer') ? mark : null;
  }

  /** The side with the mount point asks for one. */
  ask(): void {
    if (this.#lanes.dials) this.#say({ mark: 'ask', ticket: null });
    else this.#await((ticket) => this.#say({ mark: 'ask', ticket }));
  }

  /** The same after a pause, which is longer each time until one comes about. */
  askLater(): void {
    if (this.#isPausing) return;
    this.#isPausing = true;
    const pauseMs = LIMITS.mountDetourPauseMs.value * this.#times;
    this.#times = Math.min(this.#times * 2, LONGER_MAX);
    this.#lanes.sleep(pauseMs, this.#over.signal).then(
      () => {
        this.#isPausing = false;
        this.ask();
      },
      () => undefined, // the stream is over
    );
  }

  hear(mark: OfferMark): void {
    if (mark.ticket !== null) this.#connect(mark.ticket).catch(() => this.#missed(mark));
    else if (!this.#lanes.dials) this.#await((ticket) => this.#say({ mark: 'offer', ticket }));
  }

  end(): void {
    this.#over.abort();
  }

  /** The side with the mount point tries again. */
  #missed({ mark }: OfferMark): void {
    if (mark === 'offer') this.askLater();
  }

  async #connect(ticket: LaneTicket): Promise<void> {
    if (!this.#lanes.dials) return;
    const conn = await this.#lanes.connect(ticket, this.#over.signal);
    this.#give(this.#lanes.pipe(conn, ticket));
  }

  #await(tell: (ticket: LaneTicket) => void): void {
    const issued = this.#lanes.issue();
    if (issued === null) return; // too many are waited for
    const { ticket, arrived, withdraw } = issued;
    this.#over.signal.addEventListener('abort', withdraw, { once: true });
    void arrived.then((conn) => {
      this.#over.signal.removeEventListener('abort', withdraw);
      if (this.#over.signal.aborted) void conn.close();
      else this.#give(this.#lanes.pipe(conn, ticket));
    });
    tell(ticket);
  }

  #give(pipe: PipeEnd | null): void {
    if (pipe === null) return;
    this.#times = 1;
    this.#adopt(pipe);
  }

  #say(mark: OfferMark): void {
    this.#stream.send([encodeDetourMark(mark)]).catch(() => undefined); // the stream is over: who receives learns of it
  }
}
