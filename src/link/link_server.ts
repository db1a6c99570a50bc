import type { CausewayError } from '../base/errors.ts';
import type { AcceptedLink } from './accepted_link.ts';

/** A carrier that was not let in, or did not finish its handshake. */
export interface Turned {
  readonly error: CausewayError;
  /** Where it came from, as far as the channel knows. */
  readonly description: string;
}

/** The accepting side. */
export interface LinkServer extends AsyncDisposable {
  /** The next link that a peer began; a resumed one does not come again. Rejects CW_LINK_CLOSED once the server is closed or its pipe has ended, or with the signal's reason. */
  accept(signal: AbortSignal): Promise<AcceptedLink>;
  /** Calls `listener` for each carrier that was turned away; returns a function that ends it. */
  onTurned(listener: (turned: Turned) => void): () => void;
  /** Ends everything: the source, handshakes in progress, and all accepted links. */
  close(): Promise<void>;
}
