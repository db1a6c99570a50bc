import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { encodeLanePreamble, LANE_WELCOME, type LaneTicket } from '../../wire/lane_switch.ts';
import type { LaneReceiver, LaneSender, LaneSetup, LaneWorth } from '../../world/lane_threads.ts';
import type { PipeEnd } from '../../world/mounts.ts';
import type { Conn, PeerInfo, TlsIdentity } from '../../world/net.ts';
import type { World } from '../../world/world.ts';
import { withDeadline } from '../deadline.ts';
import type { IssuedTicket, LaneDesk } from './lane_desk.ts';

/** What connections of lanes beside one link are made from. */
export interface LaneGround {
  readonly world: World;
  /** Who is at the other end of the link now. */
  readonly peer: () => PeerInfo;
  /** The dialling side: a further socket to the same address. */
  readonly dial: ((signal: AbortSignal) => Promise<Conn>) | null;
  /** The accepting side: where it arrives, and this side's key with that fingerprint. */
  readonly desk: LaneDesk | null;
  readonly identity: (fingerprint: string) => TlsIdentity | null;
}

/** Gives lanes connections of their own beside a link, whose two ends know each other already. */
export class LanePort {
  readonly #ground: LaneGround;
  /** Transfers that send over the link, with their lanes. */
  readonly #sending = new Map<string, number>();
  /** Bytes of messages that went past the link. */
  sentBytes = 0;
  receivedBytes = 0;

  constructor(ground: LaneGround) {
    this.#ground = ground;
  }

  get dials(): boolean {
    return this.#ground.dial !== null;
  }

  get worth(): LaneWorth {
    const { laneDirectAfterBytes, laneDirectMinBytesPerSecond } = LIMITS;
    const usual = {
      afterBytes: laneDirectAfterBytes.value,
      bytesPerSecond: laneDirectMinBytesPerSecond.value,
    };
    return this.#ground.world.lanes?.worth ?? usual;
  }

  get nowMs(): number {
    return this.#ground.world.clock.monotonicMs();
  }

  /** Rejects with the reason of the signal. */
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.#ground.world.clock.sleep(ms, signal);
  }

  /** Several transfers send: the link alone can share out by their weights. */
  get isCrowded(): boolean {
    return this.#sending.size > 1;
  }

  /** Counts a lane of a transfer until the function is called that it gives. */
  enter(transfer: string): () => void {
    this.#sending.set(transfer, (this.#sending.get(transfer) ?? 0) + 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      const left = (this.#sending.get(transfer) ?? 1) - 1;
      if (left > 0) this.#sending.set(transfer, left);
      else this.#sending.delete(transfer);
    };
  }

  issue(): IssuedTicket | null {
    return this.#ground.desk?.issue() ?? null;
  }

  /** The dialling side: a connection that the other side expects. */
  async connect(ticket: LaneTicket, signal: AbortSignal): Promise<Conn> {
    const { dial, world } = this.#ground;
    if (dial === null) throw new CausewayError('CW_UNSUPPORTED', 'this side does not dial');
    const conn = await dial(signal);
    const limit = {
      clock: world.clock,
      timeoutMs: LIMITS.handshakeTimeoutMs.value,
      what: 'the other side does not take a connection for a lane',
      signal,
      abandon: () => conn.close(),
    };
    try {
      await withDeadline(limit, async () => {
        await conn.write([encodeLanePreamble(ticket.id)]);
        const answer = new Uint8Array(1);
        if ((await conn.read(answer, 1)) === 0 || answer[0] !== LANE_WELCOME)
          throw new CausewayError('CW_LINK_REFUSED', 'the other side takes no connection for a lane');
      });
      return conn;
    } catch (failure) {
      await conn.close();
      throw failure;
    }
  }

  /** Owns `conn`. Null where threads cannot serve it. */
  sender(conn: Conn, ticket: LaneTicket): LaneSender | null {
    const setup = this.#setup(ticket);
    return (setup && this.#ground.world.lanes?.sender(conn, setup)) ?? refused(conn);
  }

  receiver(conn: Conn, ticket: LaneTicket): LaneReceiver | null {
    const setup = this.#setup(ticket);
    return (setup && this.#ground.world.lanes?.receiver(conn, setup)) ?? refused(conn);
  }

  /** The same for a connection that a thread of a mount takes over. */
  pipe(conn: Conn, ticket: LaneTicket): PipeEnd | null {
    const setup = this.#setup(ticket);
    return (setup && this.#ground.world.lanes?.pipe?.(conn, setup)) ?? refused(conn);
  }

  #setup({ secret }: LaneTicket): LaneSetup | null {
    const { fingerprint, ownFingerprint, tlsCipher } = this.#ground.peer();
    const role = this.dials ? 'dialer' : 'acceptor';
    if (fingerprint === null) return { secret, role, tls: null };
    const acceptor = this.dials ? fingerprint : ownFingerprint;
    if (acceptor === undefined || tlsCipher === null) return null;
    if (this.dials) return { secret, role, tls: { cipher: tlsCipher, acceptor, identity: null } };
    const identity = this.#ground.identity(acceptor);
    return identity && { secret, role, tls: { cipher: tlsCipher, acceptor, identity } };
  }
}

function refused(conn: Conn): null {
  void conn.close();
  return null;
}
