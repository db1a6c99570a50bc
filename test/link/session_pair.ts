import { memoryPair } from '../../src/link/carriers/memory.ts';
import { type Integrity, Session } from '../../src/link/session/session.ts';
import type { Clock } from '../../src/world/clock.ts';
import { FaultConn, type Faults } from './fault_conn.ts';

export interface PairOptions {
  readonly clock: Clock;
  readonly integrity?: Integrity;
  readonly capacityBytes?: number;
  /** What goes wrong on the carrier number `attempt` (0 is the first), on the end of `a` and of `b`. */
  readonly faults?: (attempt: number) => readonly [Faults, Faults];
  /** Whether a lost carrier is replaced by itself. Default true. */
  readonly reconnect?: boolean;
}

/** Two sessions in one process that find a new memory carrier whenever one is lost. */
export class SessionPair {
  readonly a: Session;
  readonly b: Session;
  /** Carriers so far. */
  attempts = 0;
  /** Errors that the sessions reported for lost carriers. */
  readonly losses: string[] = [];
  readonly #options: PairOptions;

  constructor(options: PairOptions) {
    this.#options = options;
    const id = new Uint8Array(16);
    this.a = new Session({ id, clock: options.clock });
    this.b = new Session({ id, clock: options.clock });
    for (const session of [this.a, this.b]) {
      session.onDetached((error) => {
        this.losses.push(error.code);
        if (options.reconnect !== false && !session.attached) this.connect();
      });
    }
    this.connect();
  }

  connect(): void {
    const { capacityBytes, integrity = 'tls', faults } = this.#options;
    const [left, right] = memoryPair(capacityBytes === undefined ? {} : { capacityBytes });
    const [leftFaults, rightFaults] = faults?.(this.attempts) ?? [{}, {}];
    this.attempts += 1;
    this.a.detach();
    this.b.detach();
    const [aHas, bHas] = [this.a.receivedBytes, this.b.receivedBytes];
    this.a.attach(new FaultConn(left, leftFaults), bHas, integrity);
    this.b.attach(new FaultConn(right, rightFaults), aHas, integrity);
  }
}
