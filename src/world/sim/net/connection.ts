import type { Dice } from '../dice.ts';
import type { EndKind, SimProcess } from '../process.ts';
import { SimConn } from './conn.ts';
import { Pipe } from './pipe.ts';
import type { NetContext, Route } from './route.ts';

const SOCKET_BUFFER_BYTES = 256 * 1024;
/** How long a machine that lost power stays silent before its network answers for it. */
const SILENCE_MAX_MS = 10_000;

export interface ConnectionEnds {
  readonly dialer: SimProcess;
  readonly acceptor: SimProcess;
  /** How each end names the other. */
  readonly dialerSees: string;
  readonly acceptorSees: string;
}

/** A connection of two sockets: pipes both ways, and what the end of one side does to the other. */
export class Connection {
  readonly dialer: SimConn;
  readonly acceptor: SimConn;
  readonly #context: NetContext;
  readonly #route: Route;
  readonly #dice: Dice;
  readonly #pipes: readonly [Pipe, Pipe];
  readonly #leave: () => void;
  readonly #onOver: () => void;
  #silentEnd: SimConn | null = null;

  constructor(
    context: NetContext,
    route: Route,
    dice: Dice,
    ends: ConnectionEnds,
    onOver: (over: Connection) => void,
  ) {
    this.#context = context;
    this.#route = route;
    this.#dice = dice;
    this.#onOver = () => onOver(this);
    const forth = new Pipe(context, route, SOCKET_BUFFER_BYTES, dice);
    const back = new Pipe(context, route, SOCKET_BUFFER_BYTES, dice);
    this.#pipes = [forth, back];
    this.dialer = new SimConn(ends.dialer, {
      incoming: back,
      outgoing: forth,
      description: ends.dialerSees,
      dice,
      closed: (how) => this.#ended(this.dialer, how),
    });
    this.acceptor = new SimConn(ends.acceptor, {
      incoming: forth,
      outgoing: back,
      description: ends.acceptorSees,
      dice,
      closed: (how) => this.#ended(this.acceptor, how),
    });
    for (const pipe of this.#pipes) {
      pipe.onCut = () => this.break();
      pipe.onUnwanted = () => {
        if (this.#silentEnd === null) this.#reset();
      };
    }
    this.#leave = route.join((healed) => this.#sever(healed));
  }

  /** Both ends get CW_LINK_CLOSED; bytes on the way are lost. */
  break(): void {
    for (const pipe of this.#pipes) pipe.break();
    this.#over();
  }

  /** Ends stalls and silences: faults are over. */
  hurry(): void {
    if (this.#silentEnd !== null) this.break();
    else for (const pipe of this.#pipes) pipe.hurry();
  }

  #ended(end: SimConn, how: EndKind | 'close'): void {
    const [forth, back] = this.#pipes;
    const incoming = end === this.dialer ? back : forth;
    const outgoing = end === this.dialer ? forth : back;
    const dropped = incoming.refuse();
    if (how === 'power') {
      outgoing.discard();
      this.#silentEnd = end;
      this.#context.scheduler.after(this.#dice.unit() * SILENCE_MAX_MS, () => this.#reset());
      return;
    }
    const rude = (dropped || how === 'kill') && this.#dice.chance(0.5);
    outgoing.finish(rude ? 'cut' : 'eof');
    if (dropped) this.#reset();
    if (this.dialer.closed && this.acceptor.closed) this.#over();
  }

  /** An answer that there is no such connection any more travels to the end that still has it. */
  #reset(): void {
    this.#context.scheduler.after(this.#route.delayMs(), () => {
      if (this.#route.held) this.#route.whenReleased(() => this.break());
      else this.break();
    });
  }

  #sever(healed: boolean): void {
    const oneLeft = this.dialer.closed || this.acceptor.closed;
    if (!healed || oneLeft || this.#dice.chance(0.5)) this.break();
  }

  #over(): void {
    this.#leave();
    this.#onOver();
  }
}
