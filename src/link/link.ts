import type { CausewayError } from '../base/errors.ts';
import type { Mux } from './mux/mux.ts';

/** What the other side says of itself in the handshake. */
export interface PeerHello {
  readonly buildId: string;
  readonly protocolVersion: number;
  readonly hostName: string;
  readonly platform: string;
  /** SHA-256 of the peer's certificate, lower-case hex; null on a trusted carrier without TLS. */
  readonly fingerprint: string | null;
  /** Key exchange of the current carrier, for example `X25519MLKEM768`; null without TLS. */
  readonly tlsGroup: string | null;
  readonly tlsCipher: string | null;
  /** That of this side's certificate, as the peer saw it; null without TLS. */
  readonly ownFingerprint: string | null;
}

/**
 * How far the last attempt to connect got. `nothing`: no answer at all; `refused`: the machine answers that nobody
 * listens; `silent`: the connection was taken, and the agent says nothing; `cut`: it was taken and cut; `port`: the local
 * end of a channel is there (a serial port), and nothing answers behind it.
 */
export type Reached = 'nothing' | 'refused' | 'silent' | 'cut' | 'port';

/** Where a link stands. `sinceMs` is wall-clock time in ms since 1970 UTC: when the link came into this kind of state. */
export type LinkState =
  | {
      readonly kind: 'connecting';
      readonly attempt: number;
      readonly lastError: CausewayError | null;
      readonly sinceMs: number;
      /** Absent before an attempt has got anywhere, and on links that the peer dials. */
      readonly reached?: Reached | null;
    }
  | { readonly kind: 'up'; readonly mux: Mux; readonly peer: PeerHello; readonly sinceMs: number }
  /** The carrier is gone; the session waits for a new one and its streams are kept. */
  | {
      readonly kind: 'interrupted';
      readonly mux: Mux;
      readonly lastError: CausewayError | null;
      readonly sinceMs: number;
      readonly reached?: Reached | null;
    }
  /** An error with next `never` (wrong token, changed key, no common version): nothing is tried again until asked. */
  | { readonly kind: 'failed'; readonly error: CausewayError; readonly sinceMs: number }
  | { readonly kind: 'closed' };

/** One side's connection to one peer, which heals itself. */
export interface Link extends AsyncDisposable {
  readonly state: LinkState;
  /** A usable mux: the current one, or the next. Rejects CW_VM_OFFLINE with the last error when the signal is aborted, with the error itself when the link failed for good. */
  ready(signal: AbortSignal): Promise<Mux>;
  /** Calls `listener` on each change of state; returns a function that ends it. */
  onState(listener: (state: LinkState) => void): () => void;
  /** Leaves the present carrier for a new one, whose two sides show the keys that they have now; streams go on. */
  renew(): void;
  close(): Promise<void>;
}
