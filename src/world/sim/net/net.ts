import { CausewayError } from '../../../base/errors.ts';
import { abortReason } from '../../../base/signal.ts';
import type { Conn, Endpoint, Listener, Net, TlsOptions } from '../../net.ts';
import { never, type Resource, type SimProcess, type Waiter } from '../process.ts';
import type { SimEvent } from '../scheduler.ts';
import type { SimConn } from './conn.ts';
import { describe, type Network } from './network.ts';
import { secureConn } from './secure.ts';

type DialOptions = { timeoutMs: number; signal?: AbortSignal };

/** The network as one process sees it. */
export class SimNet implements Net {
  readonly #process: SimProcess;
  readonly #network: Network;

  constructor(process: SimProcess, network: Network) {
    this.#process = process;
    this.#network = network;
  }

  async dial(endpoint: Endpoint, options: DialOptions): Promise<Conn> {
    if (!this.#process.enter('dial', describe(endpoint), null)) return never<Conn>();
    const attempt = new Attempt(this.#process, this.#network, endpoint, options);
    return attempt.promise;
  }

  listen(endpoint: Endpoint): Promise<Listener> {
    return this.#process.operate('listen', describe(endpoint), () => {
      if (endpoint.kind === 'tcp' || endpoint.kind === 'unix')
        return this.#network.listen(this.#process, endpoint);
      throw new CausewayError('CW_UNSUPPORTED', `nobody can listen on ${describe(endpoint)}`);
    });
  }

  secure(conn: Conn, options: TlsOptions): Promise<Conn> {
    return secureConn(this.#process, this.#network.context.scheduler, conn, options);
  }
}

/** One attempt to connect: ends with a connection, an answer that there is none, a time limit or an abort. */
class Attempt implements Resource {
  readonly label: string;
  readonly #process: SimProcess;
  readonly #network: Network;
  readonly #endpoint: Endpoint;
  readonly #waiter: Waiter<Conn>;
  readonly #events: SimEvent[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#fail(abortReason(this.#signal as AbortSignal));
  #over = false;

  constructor(process: SimProcess, network: Network, endpoint: Endpoint, options: DialOptions) {
    this.#process = process;
    this.#network = network;
    this.#endpoint = endpoint;
    this.label = `dial ${describe(endpoint)}`;
    this.#waiter = process.waiter<Conn>();
    this.#signal = options.signal;
    process.hold(this);
    if (options.signal?.aborted) {
      this.#onAbort();
      return;
    }
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    const late = new CausewayError(
      'CW_TIMEOUT',
      `${describe(endpoint)} did not answer in ${options.timeoutMs} ms`,
    );
    this.#events.push(network.context.scheduler.after(options.timeoutMs, () => this.#fail(late)));
    this.#start();
  }

  get promise(): Promise<Conn> {
    return this.#waiter.promise;
  }

  abandon(): void {
    this.#finish();
  }

  #start(): void {
    const endpoint = this.#endpoint;
    if (endpoint.kind === 'exec' || endpoint.kind === 'stdio') {
      this.#fail(new CausewayError('CW_UNSUPPORTED', `the simulator has no ${endpoint.kind} channel`));
      return;
    }
    const { hostName } = this.#process;
    const device = endpoint.kind === 'tcp' ? undefined : this.#network.deviceEnd(hostName, endpoint.path);
    if (device) {
      this.#succeed(() => device.open(this.#process));
      return;
    }
    const machine = endpoint.kind === 'device' ? null : this.#network.machineOf(hostName, endpoint);
    if (endpoint.kind === 'device' || machine === null) {
      this.#fail(new CausewayError('CW_LINK_REFUSED', `there is no ${describe(endpoint)}`));
      return;
    }
    const route = this.#network.route(hostName, machine);
    const knock = (): void => {
      if (this.#over) return;
      if (route.held) route.whenReleased(knock);
      else if (route.refusesDial)
        this.#fail(new CausewayError('CW_LINK_REFUSED', `${describe(endpoint)} is not ready`));
      else this.#succeed(() => this.#network.connect(this.#process, machine, endpoint));
    };
    this.#events.push(this.#network.context.scheduler.after(route.delayMs(), knock));
  }

  #succeed(connect: () => SimConn): void {
    if (this.#over) return;
    try {
      const conn = connect();
      this.#finish();
      this.#waiter.resolve(conn);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#finish();
    this.#waiter.reject(error);
  }

  #finish(): void {
    this.#over = true;
    this.#process.release(this);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    for (const event of this.#events) this.#network.context.scheduler.cancel(event);
  }
}
