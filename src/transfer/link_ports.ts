import type { Stream } from '../link/mux/mux.ts';
import type { ByteGate } from './pacer.ts';

/** Where a copy gets the lanes from: the source opens them, the sink takes them as they come. */
export interface LaneOpener {
  openLane(lane: number): Promise<Stream>;
  /** Where bytes of the lanes wait, for the rate that they share with other copies. */
  readonly gate?: ByteGate | undefined;
}

/** Lanes that the source opened for one transfer. `next` gives null once no more can come, at the latest after `close`. */
export interface LaneAcceptor {
  /** TLS vouches for the bytes that arrive. */
  readonly authenticated: boolean;
  next(): Promise<Stream | null>;
  close(): void;
}
