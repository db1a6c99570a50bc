import { assert } from '../../../base/assert.ts';
import { concat, totalBytes } from '../../../base/bytes.ts';
import { CausewayError } from '../../../base/errors.ts';
import type { Conn, PeerInfo } from '../../net.ts';
import type { Dice } from '../dice.ts';
import { type EndKind, never, type Resource, type SimProcess, type Waiter } from '../process.ts';
import type { Pipe } from './pipe.ts';

/** What stands behind one end: two pipes, and what its end means to the other side. */
export interface Channel {
  readonly incoming: Pipe;
  readonly outgoing: Pipe;
  readonly description: string;
  readonly dice: Dice;
  /** This end is gone: closed by its process, or with it. */
  closed(how: EndKind | 'close'): void;
}

interface PendingRead {
  readonly into: Uint8Array;
  readonly minBytes: number;
  readonly waiter: Waiter<number>;
}

/** One end of a simulated byte pipe, held by a process. */
export class SimConn implements Conn, Resource {
  readonly peer: PeerInfo;
  readonly label: string;
  readonly #process: SimProcess;
  readonly #channel: Channel;
  #closed = false;
  #read: PendingRead | null = null;
  #write: Waiter<void> | null = null;

  constructor(process: SimProcess, channel: Channel) {
    this.#process = process;
    this.#channel = channel;
    this.label = `socket ${channel.description}`;
    this.peer = { description: channel.description, fingerprint: null, tlsGroup: null, tlsCipher: null };
    channel.incoming.onArrival = () => this.#tryRead();
    channel.outgoing.onRoom = () => this.#tryWrite();
    process.hold(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  read(into: Uint8Array, minBytes: number): Promise<number> {
    assert(minBytes >= 1 && minBytes <= into.byteLength, 'a read asks for 1 to all of its bytes');
    if (!this.#process.enter('conn-read', this.label, null, minBytes)) return never<number>();
    assert(this.#read === null, 'one read of a connection is pending at a time');
    if (this.#closed) return Promise.reject(closedError(this.label));
    const waiter = this.#process.waiter<number>();
    this.#read = { into, minBytes, waiter };
    this.#tryRead();
    return waiter.promise;
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    const send = (): void => this.#send(parts);
    if (!this.#process.enter('conn-write', this.label, send, totalBytes(parts))) return never<void>();
    assert(this.#write === null, 'one write of a connection is pending at a time');
    await this.#process.perform(send, 0);
    if (this.#closed || this.#channel.outgoing.state === 'cut') throw closedError(this.label);
    if (this.#channel.outgoing.hasRoom) return;
    this.#write = this.#process.waiter<void>();
    await this.#write.promise;
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return this.#process.operate('conn-close', this.label, () => this.shut('close'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  abandon(how: EndKind): void {
    this.shut(how);
  }

  /** Ends this side; what is pending fails. */
  shut(how: EndKind | 'close'): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#process.release(this);
    this.#channel.incoming.onArrival = null;
    this.#channel.outgoing.onRoom = null;
    const read = this.#read;
    this.#read = null;
    if (read !== null && this.#channel.dice.chance(0.5)) read.waiter.resolve(0);
    else read?.waiter.reject(closedError(this.label));
    this.#failWrite();
    this.#channel.closed(how);
  }

  #send(parts: readonly Uint8Array[]): void {
    const { outgoing } = this.#channel;
    if (this.#closed || outgoing.state === 'cut') throw closedError(this.label);
    const bytes = concat(parts);
    if (bytes.byteLength > 0) outgoing.send(bytes);
  }

  #tryRead(): void {
    const read = this.#read;
    if (read === null) return;
    const { incoming } = this.#channel;
    if (incoming.state === 'cut') {
      this.#read = null;
      read.waiter.reject(closedError(this.label));
      return;
    }
    const most = Math.min(read.into.byteLength, incoming.arrivedBytes);
    if (most < read.minBytes && incoming.state === 'open') return;
    const least = Math.min(read.minBytes, most);
    const count = most === 0 ? 0 : incoming.take(read.into.subarray(0, incoming.route.give(least, most)));
    this.#read = null;
    read.waiter.resolve(count);
  }

  #tryWrite(): void {
    const { outgoing } = this.#channel;
    if (outgoing.state === 'cut') this.#failWrite();
    else if (outgoing.hasRoom) {
      this.#write?.resolve();
      this.#write = null;
    }
  }

  #failWrite(): void {
    this.#write?.reject(closedError(this.label));
    this.#write = null;
  }
}

export function closedError(label: string): CausewayError {
  return new CausewayError('CW_LINK_CLOSED', `the connection (${label}) is closed`);
}
