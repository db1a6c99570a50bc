import { assert } from '../../../base/assert.ts';
import { CausewayError } from '../../../base/errors.ts';
import type { Endpoint } from '../../net.ts';
import type { Dice } from '../dice.ts';
import type { SimProcess } from '../process.ts';
import type { SimConn } from './conn.ts';
import { Connection } from './connection.ts';
import { ByteDevice, type DeviceEnd } from './device.ts';
import { SimListener } from './listener.ts';
import { type NetContext, Route } from './route.ts';

const FIRST_FREE_PORT = 32_768;

type SocketEndpoint = Extract<Endpoint, { kind: 'tcp' | 'unix' }>;

export function describe(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'tcp':
      return `tcp ${endpoint.host}:${endpoint.port}`;
    case 'unix':
      return `unix ${endpoint.path}`;
    case 'device':
      return `serial ${endpoint.path}`;
    case 'exec':
      return `exec ${endpoint.argv[0]}`;
    case 'stdio':
      return 'stdio';
  }
}

/** Names of a machine for itself, and addresses that stand for all of its own. */
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);
const ANY_ADDRESS = new Set(['0.0.0.0', '::']);

/** All connections, listeners and devices of one simulation. */
export class Network {
  readonly #context: NetContext;
  readonly #dice: Dice;
  readonly #machines = new Set<string>();
  readonly #routes = new Map<string, Route>();
  readonly #listeners = new Map<string, SimListener>();
  readonly #deviceEnds = new Map<string, DeviceEnd>();
  readonly #devices: ByteDevice[] = [];
  readonly #connections = new Set<Connection>();
  #nextPort = FIRST_FREE_PORT;

  constructor(context: NetContext) {
    this.#context = context;
    this.#dice = context.dice.fork('network');
    context.faults.onStop(() => this.#heal());
  }

  get context(): NetContext {
    return this.#context;
  }

  addMachine(name: string): void {
    this.#machines.add(name);
  }

  /** The way between two machines, the same object for both orders; of one machine to itself where the names are equal. */
  route(a: string, b: string): Route {
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    const existing = this.#routes.get(key);
    if (existing) return existing;
    const route = new Route(this.#context, `route ${key}`, a === b);
    this.#routes.set(key, route);
    return route;
  }

  /** Routes between different machines that something has used. */
  get usedRoutes(): Route[] {
    return [...this.#routes.values()].filter((route) => !route.local);
  }

  /** A serial port between two machines. Either side may also be dialled as a Unix socket, as a hypervisor offers it. */
  device(first: { machine: string; path: string }, second: { machine: string; path: string }): void {
    const route = this.route(first.machine, second.machine);
    const device = new ByteDevice(this.#context, route, this.#dice.fork('device'), [first.path, second.path]);
    this.#devices.push(device);
    this.#deviceEnds.set(`${first.machine} ${first.path}`, device.ends[0]);
    this.#deviceEnds.set(`${second.machine} ${second.path}`, device.ends[1]);
  }

  deviceEnd(machine: string, path: string): DeviceEnd | undefined {
    return this.#deviceEnds.get(`${machine} ${path}`);
  }

  powerCut(machine: string): void {
    for (const [key, end] of this.#deviceEnds) if (key.startsWith(`${machine} `)) end.powerCut();
  }

  /** CW_LINK_BUSY where another listener has the address. */
  listen(process: SimProcess, endpoint: SocketEndpoint): SimListener {
    const port = endpoint.kind === 'tcp' && endpoint.port === 0 ? this.#freePort(process.hostName) : null;
    const actual: SocketEndpoint =
      port !== null && endpoint.kind === 'tcp' ? { ...endpoint, port } : endpoint;
    const key = this.#key(process.hostName, actual);
    if (this.#listeners.has(key)) {
      throw new CausewayError('CW_LINK_BUSY', `another program listens on ${describe(actual)}`);
    }
    const listener = new SimListener(process, actual, describe(actual), () => this.#listeners.delete(key));
    this.#listeners.set(key, listener);
    return listener;
  }

  /** The machine that an endpoint names as seen from `from`; null where there is none. */
  machineOf(from: string, endpoint: SocketEndpoint): string | null {
    if (endpoint.kind === 'unix' || LOOPBACK.has(endpoint.host) || ANY_ADDRESS.has(endpoint.host))
      return from;
    return this.#machines.has(endpoint.host) ? endpoint.host : null;
  }

  /** Connects at once. CW_LINK_REFUSED where nothing listens. */
  connect(process: SimProcess, machine: string, endpoint: SocketEndpoint): SimConn {
    const listener = this.#listeners.get(this.#key(machine, endpoint));
    const remote = machine !== process.hostName;
    if (!listener || (remote && !reachable(listener.endpoint))) {
      throw new CausewayError('CW_LINK_REFUSED', `nothing answers on ${describe(endpoint)}`);
    }
    listener.checkRoom();
    const route = this.route(process.hostName, machine);
    const ends = {
      dialer: process,
      acceptor: listener.process,
      dialerSees: describe(endpoint),
      acceptorSees: endpoint.kind === 'tcp' ? `tcp ${process.hostName}:${this.#port()}` : describe(endpoint),
    };
    const over = (gone: Connection): void => {
      this.#connections.delete(gone);
    };
    const connection = new Connection(this.#context, route, this.#dice.fork('connection'), ends, over);
    this.#connections.add(connection);
    listener.offer(connection.acceptor);
    return connection.dialer;
  }

  #heal(): void {
    for (const route of this.usedRoutes) route.heal();
    for (const connection of [...this.#connections]) connection.hurry();
    for (const device of this.#devices) device.hurry();
  }

  #key(machine: string, endpoint: SocketEndpoint): string {
    return endpoint.kind === 'tcp' ? `${machine} tcp ${endpoint.port}` : `${machine} unix ${endpoint.path}`;
  }

  #port(): number {
    this.#nextPort += 1;
    return this.#nextPort;
  }

  #freePort(machine: string): number {
    for (let tries = 0; tries < 30_000; tries += 1) {
      const port = this.#port();
      if (!this.#listeners.has(`${machine} tcp ${port}`)) return port;
    }
    assert(false, 'a machine has a free port');
  }
}

function reachable(endpoint: Endpoint): boolean {
  return endpoint.kind === 'tcp' && !LOOPBACK.has(endpoint.host);
}
