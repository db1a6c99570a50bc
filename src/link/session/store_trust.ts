import { CausewayError } from '../../base/errors.ts';
import type { PairingTokens } from './pairing.ts';
import type { TrustPolicy, TrustRequest } from './trust.ts';
import type { TrustStore } from './trust_store.ts';

export interface StoreTrustOptions {
  readonly store: TrustStore;
  /** Null where this device issues no tokens. */
  readonly tokens: PairingTokens | null;
  /** Name under which the first key of the channel is pinned; null on a channel that strangers can reach. */
  readonly firstUseName: string | null;
}

const SHORT_FINGERPRINT = 12;

/** The usual policy: keys of a {@link TrustStore}, {@link PairingTokens} for new ones, first use where the channel allows it. The id of a peer is its name in the store. */
export class StoreTrust implements TrustPolicy {
  readonly #options: StoreTrustOptions;

  constructor(options: StoreTrustOptions) {
    this.#options = options;
  }

  isPinned(fingerprint: string): string | null {
    return this.#options.store.find(fingerprint)?.name ?? null;
  }

  /** A token that was issued for a name replaces the keys of that name: whoever issued it wants this machine there. */
  async redeemPairing(proof: Uint8Array, request: TrustRequest): Promise<string> {
    const { store, tokens } = this.#options;
    if (tokens === null)
      throw new CausewayError('CW_PAIR_TOKEN_WRONG', 'this machine issues no pairing tokens');
    const fingerprint = request.ends.dialer;
    let name = `peer-${fingerprint.slice(0, SHORT_FINGERPRINT)}`;
    await tokens.redeem(proof, request.ends, async (token) => {
      const replaces = token.name !== null;
      name = token.name ?? name;
      await store.pin({ fingerprint, name, how: 'token' }, replaces);
    });
    return name;
  }

  async pinFirstUse(request: TrustRequest): Promise<string | null> {
    const { store, firstUseName } = this.#options;
    if (firstUseName === null) return null;
    await store.pinFirst(request.ends.dialer, firstUseName);
    return firstUseName;
  }
}
