import { CausewayError } from '../../base/errors.ts';
import type { PairFingerprints } from './pairing_proof.ts';

/** How the dialling side decides whom it talks to. `nextFingerprint` is as good: the key that the acceptor changes to. */
export type DialTrust =
  /** The acceptor's key is known, from a token or from the store. `pairingSecret` is offered while this side is not pinned there. */
  | {
      readonly kind: 'pinned';
      readonly fingerprint: string;
      readonly pairingSecret?: Uint8Array;
      readonly nextFingerprint?: string | null;
    }
  /** A channel that only the owner can open (serial socket, Unix socket, command): the first key is pinned. */
  | {
      readonly kind: 'first-use';
      readonly fingerprint: string | null;
      readonly onPinned: OnPinned;
      readonly nextFingerprint?: string | null;
    }
  /** The carrier itself is trusted (in-process, inside ssh): no TLS. */
  | { readonly kind: 'trust-carrier' };

/** Called once with the first key, before the link comes up; when it fails, the connection is given up. */
export type OnPinned = (fingerprint: string) => Promise<void>;

/** What the accepting side knows of the dialling side when it decides. */
export interface TrustRequest {
  readonly ends: PairFingerprints;
  readonly proof: Uint8Array | null;
  /** What the peer calls itself; for people, proves nothing. */
  readonly hostName: string;
}

/** Who may come in, as the accepting side sees it. A method that refuses throws CW_PAIR_*. */
export interface TrustPolicy {
  /** The id under which this key is known, or null. */
  isPinned(fingerprint: string): string | null;
  /** Checks the proof of a one-time secret, pins the key, gives its id. CW_PAIR_TOKEN_WRONG, _USED, _EXPIRED. */
  redeemPairing(proof: Uint8Array, request: TrustRequest): Promise<string>;
  /** Pins the first key of a channel that only the owner can open and gives its id; null on any other channel. CW_PAIR_KEY_CHANGED. */
  pinFirstUse(request: TrustRequest): Promise<string | null>;
}

export interface TrustDecision {
  readonly peerId: string;
  /** True where this connection made the key known. */
  readonly newlyPinned: boolean;
}

/** A pinned key, else a valid proof, else first use; CW_PAIR_REQUIRED where none of them holds. */
export async function decideTrust(policy: TrustPolicy, request: TrustRequest): Promise<TrustDecision> {
  const pinned = policy.isPinned(request.ends.dialer);
  if (pinned !== null) return { peerId: pinned, newlyPinned: false };
  if (request.proof !== null) {
    return { peerId: await policy.redeemPairing(request.proof, request), newlyPinned: true };
  }
  const first = await policy.pinFirstUse(request);
  if (first !== null) return { peerId: first, newlyPinned: true };
  throw new CausewayError(
    'CW_PAIR_REQUIRED',
    `the key ${request.ends.dialer} is not paired with this machine`,
  );
}
