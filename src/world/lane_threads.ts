import type { PipeEnd } from './mounts.ts';
import type { Conn, TlsIdentity } from './net.ts';

/** How the two ends of a lane's connection know each other: by what the link beside it has told them. */
export interface LaneSetup {
  /** 32 bytes that only the two ends of the link know. */
  readonly secret: Uint8Array;
  /** The side that dialled says the secret first, after it has seen whose key the other one has. */
  readonly role: 'dialer' | 'acceptor';
  /** Null on a carrier that is trusted as it is. */
  readonly tls: LaneTls | null;
}

export interface LaneTls {
  /** IANA name, for example `TLS_AES_256_GCM_SHA384`: that of the link. */
  readonly cipher: string;
  /** Whose key the dialling side wants to see (SHA-256 of the certificate as lower-case hex). */
  readonly acceptor: string;
  /** The accepting side's key; null on the dialling side. */
  readonly identity: TlsIdentity | null;
}

export interface LaneThread {
  /** Once both ends know each other; rejects with what went wrong, CW_TLS_FAILED among it. */
  readonly ready: Promise<void>;
  /** Ends it at once, whatever it waits for. */
  kill(): void;
}

/** Sends whole messages from a thread of its own. */
export interface LaneSender extends LaneThread {
  /** Resolves once the thread touches nothing any more: with why it failed, or null after an end in peace. */
  readonly over: Promise<Error | null>;
  /**
   * Takes a message: `head` is copied, `data`, which must be shared memory, is read by the thread where it lies. The caller
   * keeps it alive and unchanged until the message was acknowledged by other means, or `over` has resolved.
   */
  send(head: Uint8Array, data: readonly Uint8Array[]): void;
  /** Nothing more comes; the other end reads this after the last message. */
  end(): void;
}

export interface LanePiece {
  readonly bytes: Uint8Array;
  /** Gives the memory back; once. */
  release(): void;
}

/** Receives whole messages in a thread of its own, a few of them ahead. */
export interface LaneReceiver extends LaneThread {
  /** The next message; null after the other side's end; rejects once the connection is gone and all that came whole was given. */
  receive(): Promise<LanePiece | null>;
  /** The next message where it is there already, else null. Not while a `receive` waits. */
  receiveNow(): LanePiece | null;
}

/** Connections that threads serve, TLS and all: bytes that go over them do not pass the calling thread. Both calls own `conn`; they give null where it cannot be handed over. */
export interface LaneThreads {
  sender(conn: Conn, setup: LaneSetup): LaneSender | null;
  receiver(conn: Conn, setup: LaneSetup): LaneReceiver | null;
  /** What another thread takes the connection of a mount over by; absent, or null, where it cannot. Owns `conn`. */
  pipe?(conn: Conn, setup: LaneSetup): PipeEnd | null;
  /** The same with threads that come after others for processor and disk, and still get a fair part; absent where there are none. */
  readonly modest?: LaneThreads;
  /** When a lane is worth a connection (default: LIMITS.laneDirectAfterBytes and laneDirectMinBytesPerSecond). */
  readonly worth?: LaneWorth;
}

export interface LaneWorth {
  readonly afterBytes: number;
  readonly bytesPerSecond: number;
}
