import { CausewayError } from '../../../base/errors.ts';
import type { Conn, Endpoint, Listener } from '../../net.ts';
import { never, type Resource, type SimProcess, type Waiter } from '../process.ts';
import { closedError, type SimConn } from './conn.ts';

/** Connections that wait to be accepted; as the usual somaxconn. */
const BACKLOG_MAX = 128;

/** A listening socket of a process. */
export class SimListener implements Listener, Resource {
  readonly endpoint: Endpoint;
  readonly label: string;
  readonly process: SimProcess;
  readonly #backlog: SimConn[] = [];
  readonly #acceptors: Waiter<Conn>[] = [];
  readonly #unbind: () => void;
  #closed = false;

  constructor(process: SimProcess, endpoint: Endpoint, label: string, unbind: () => void) {
    this.process = process;
    this.endpoint = endpoint;
    this.label = `listener ${label}`;
    this.#unbind = unbind;
    process.hold(this);
  }

  /** Throws CW_LINK_REFUSED where the backlog is full. */
  checkRoom(): void {
    if (this.#backlog.length < BACKLOG_MAX) return;
    throw new CausewayError('CW_LINK_REFUSED', `${this.label} takes no more connections`);
  }

  offer(conn: SimConn): void {
    const acceptor = this.#acceptors.shift();
    if (acceptor) acceptor.resolve(conn);
    else this.#backlog.push(conn);
  }

  accept(): Promise<Conn> {
    if (!this.process.enter('accept', this.label, null)) return never<Conn>();
    if (this.#closed) return Promise.reject(closedError(this.label));
    const waiter = this.process.waiter<Conn>();
    const conn = this.#backlog.shift();
    if (conn) waiter.resolve(conn);
    else this.#acceptors.push(waiter);
    return waiter.promise;
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return this.process.operate('listener-close', this.label, () => this.#shut());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  abandon(): void {
    this.#shut();
  }

  #shut(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unbind();
    this.process.release(this);
    for (const conn of this.#backlog.splice(0)) conn.shut('kill');
    for (const acceptor of this.#acceptors.splice(0)) acceptor.reject(closedError(this.label));
  }
}
