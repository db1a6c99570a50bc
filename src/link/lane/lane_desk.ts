import { toHex } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import {
  isLanePreamble,
  LANE_MAGIC_BYTES,
  LANE_PREAMBLE_BYTES,
  LANE_WELCOME,
  type LaneTicket,
  TICKET_ID_BYTES,
  TICKET_SECRET_BYTES,
  ticketIdOf,
} from '../../wire/lane_switch.ts';
import type { Random } from '../../world/clock.ts';
import type { Conn } from '../../world/net.ts';

/** A ticket that was given out, until its connection arrives or it is withdrawn. */
export interface IssuedTicket {
  readonly ticket: LaneTicket;
  /** Stays open where nobody comes. */
  readonly arrived: Promise<Conn>;
  withdraw(): void;
}

/** Where connections of lanes arrive that peers dial: among the carriers of a listener. */
export class LaneDesk {
  readonly #random: Random;
  readonly #waiting = new Map<string, (conn: Conn) => void>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Null while too many are waited for. */
  issue(): IssuedTicket | null {
    if (this.#waiting.size >= LIMITS.laneTicketsMax.value) return null;
    const id = this.#random.bytes(TICKET_ID_BYTES);
    const ticket = { id, secret: this.#random.bytes(TICKET_SECRET_BYTES) };
    const { promise: arrived, resolve } = Promise.withResolvers<Conn>();
    const key = toHex(id);
    this.#waiting.set(key, resolve);
    return { ticket, arrived, withdraw: () => void this.#waiting.delete(key) };
  }

  /** True for the connection of a lane, which has its owner then; the bytes of any other one are untouched. CW_LINK_REFUSED where no lane is waited for by that name. */
  async take(conn: Conn): Promise<boolean> {
    if (this.#waiting.size === 0 || conn.peek === undefined) return false;
    if (!isLanePreamble(await conn.peek(LANE_MAGIC_BYTES))) return false;
    const preamble = new Uint8Array(LANE_PREAMBLE_BYTES);
    const count = await conn.read(preamble, preamble.byteLength);
    const key = toHex(ticketIdOf(preamble.subarray(0, count)));
    const owner = this.#waiting.get(key);
    if (owner === undefined)
      throw new CausewayError('CW_LINK_REFUSED', 'a connection came for a lane that is not waited for');
    this.#waiting.delete(key); // the one who comes with it is the only one
    await conn.write([Uint8Array.of(LANE_WELCOME)]);
    owner(conn);
    return true;
  }
}
