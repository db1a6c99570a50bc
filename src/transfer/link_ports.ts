import type { Stream } from '../link/mux/mux.ts';

/** Where a copy gets the lanes from: the source opens them, the sink takes them as they come. */
export interface LaneOpener {
  openLane(lane: number): Promise<Stream>;
}

/** Lanes that the source opened for one transfer. `next` gives null once no more can come, at the latest after `close`. */
export interface LaneAcceptor {
  /** TLS vouches for the bytes that arrive. */
  readonly authenticated: boolean;
  next(): Promise<Stream | null>;
  close(): void;
}
