import { fromHex, toHex } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { encodeToken, SECRET_BYTES } from '../../wire/token.ts';
import type { World } from '../../world/world.ts';
import { equalConstantTime, type PairFingerprints, pairingProof } from './pairing_proof.ts';
import { field, fieldList, parseState } from './state_json.ts';

/** What may be shown of a token after it was issued. */
export interface TokenInfo {
  /** Short handle for lists and revocation; says nothing about the secret. */
  readonly id: string;
  /** The name that the peer gets when it is pinned; null where the issuer knows none. */
  readonly name: string | null;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly usedAtMs: number | null;
}

interface TokenRecord extends TokenInfo {
  readonly secret: Uint8Array;
}

export interface IssueOptions {
  readonly name: string | null;
  /** `host:port` under which the issuer is reached, best first. */
  readonly addresses: readonly string[];
  /** The issuer's own fingerprint. */
  readonly fingerprint: string;
}

export interface IssuedToken {
  readonly text: string;
  readonly info: TokenInfo;
}

type PairingWorld = Pick<World, 'clock' | 'random' | 'identities'>;

/** Called with {@link PairingTokens.serialize} after each change and awaited before the change is answered. */
export type PersistTokens = (state: string) => Promise<void>;

const STATE_NAME = 'pairing tokens';
const TOKEN_ID_BYTES = 4;

/**
 * The pairing tokens that this device has issued. Each secret is accepted once, within `LIMITS.pairTokenTtlMs`. Used
 * and expired ones are remembered, `LIMITS.pairTokensRememberedMax` of them, so that the error can say which it was.
 */
export class PairingTokens {
  readonly #world: PairingWorld;
  readonly #persist: PersistTokens;
  #records: TokenRecord[] = [];

  constructor(world: PairingWorld, persist: PersistTokens = async () => undefined) {
    this.#world = world;
    this.#persist = persist;
  }

  /** CW_LIMIT where `LIMITS.pairTokensMax` unused tokens exist. */
  async issue(options: IssueOptions): Promise<IssuedToken> {
    const now = this.#world.clock.wallMs();
    if (this.#records.filter((record) => isUsable(record, now)).length >= LIMITS.pairTokensMax.value) {
      throw new CausewayError(
        'CW_LIMIT',
        `${LIMITS.pairTokensMax.value} unused pairing tokens exist already`,
      );
    }
    const record: TokenRecord = {
      id: toHex(this.#world.random.bytes(TOKEN_ID_BYTES)),
      name: options.name,
      issuedAtMs: now,
      expiresAtMs: now + LIMITS.pairTokenTtlMs.value,
      usedAtMs: null,
      secret: this.#world.random.bytes(SECRET_BYTES),
    };
    const { addresses, fingerprint } = options;
    const text = encodeToken({ addresses, fingerprint, secret: record.secret });
    this.#records = withinMemory([...this.#records, record], now);
    await this.#save();
    return { text, info: infoOf(record) };
  }

  /** Tokens that can still be used, oldest first. */
  list(): TokenInfo[] {
    const now = this.#world.clock.wallMs();
    return this.#records.filter((record) => isUsable(record, now)).map(infoOf);
  }

  /** Makes an unused token worthless; false where no such token exists. */
  async revoke(id: string): Promise<boolean> {
    const kept = this.#records.filter((record) => record.id !== id);
    if (kept.length === this.#records.length) return false;
    this.#records = kept;
    await this.#save();
    return true;
  }

  /**
   * Takes the token that `proof` was made with, then runs `pin`, which makes the peer known for good. Two redemptions
   * of one token never both succeed. Where `pin` fails the token is usable again and the failure is passed on.
   *
   * CW_PAIR_TOKEN_WRONG, CW_PAIR_TOKEN_USED, CW_PAIR_TOKEN_EXPIRED.
   */
  async redeem(
    proof: Uint8Array,
    ends: PairFingerprints,
    pin: (token: TokenInfo) => Promise<void>,
  ): Promise<void> {
    const now = this.#world.clock.wallMs();
    const record = this.#find(proof, ends);
    if (record === null)
      throw new CausewayError('CW_PAIR_TOKEN_WRONG', 'the token was not issued by this machine');
    if (record.usedAtMs !== null) throw new CausewayError('CW_PAIR_TOKEN_USED', 'the token was used before');
    if (now >= record.expiresAtMs) throw new CausewayError('CW_PAIR_TOKEN_EXPIRED', 'the token has expired');
    this.#replace(record, { ...record, usedAtMs: now });
    try {
      await this.#save();
      await pin(infoOf(record));
    } catch (failure) {
      this.#replace(record, record);
      await this.#save();
      throw failure;
    }
  }

  /** JSON of all tokens, secrets included: a file of it needs mode 0600. */
  serialize(): string {
    const tokens = this.#records.map((record) => ({ ...record, secret: toHex(record.secret) }));
    return JSON.stringify({ tokens });
  }

  /** Takes over what {@link serialize} gave. CW_DAEMON_STATE where it is anything else. */
  restore(state: string): void {
    const top = parseState(state, STATE_NAME);
    this.#records = fieldList(top, 'tokens', STATE_NAME).map((entry) => {
      const number = (name: string) => field(entry, name, 'number', STATE_NAME);
      const secret = fromHex(field(entry, 'secret', 'string', STATE_NAME));
      if (secret.byteLength !== SECRET_BYTES)
        throw new CausewayError('CW_DAEMON_STATE', `${STATE_NAME}: a secret is damaged`);
      return {
        id: field(entry, 'id', 'string', STATE_NAME),
        name: entry.name === null ? null : field(entry, 'name', 'string', STATE_NAME),
        issuedAtMs: number('issuedAtMs'),
        expiresAtMs: number('expiresAtMs'),
        usedAtMs: entry.usedAtMs === null ? null : number('usedAtMs'),
        secret,
      };
    });
  }

  /** Looks at every record whatever the first ones give: the time does not tell which one matched. */
  #find(proof: Uint8Array, ends: PairFingerprints): TokenRecord | null {
    let found: TokenRecord | null = null;
    for (const record of this.#records) {
      const expected = pairingProof(this.#world.identities, record.secret, ends);
      if (equalConstantTime(expected, proof)) found = record;
    }
    return found;
  }

  #replace(old: TokenRecord, by: TokenRecord): void {
    this.#records = this.#records.map((record) => (record.id === old.id ? by : record));
  }

  #save(): Promise<void> {
    return this.#persist(this.serialize());
  }
}

function isUsable(token: TokenInfo, now: number): boolean {
  return token.usedAtMs === null && now < token.expiresAtMs;
}

/** All usable tokens and the youngest of the others. */
function withinMemory(records: readonly TokenRecord[], now: number): TokenRecord[] {
  const spent = records.filter((record) => !isUsable(record, now));
  const dropped = new Set(spent.slice(0, Math.max(0, spent.length - LIMITS.pairTokensRememberedMax.value)));
  return records.filter((record) => !dropped.has(record));
}

function infoOf(record: TokenRecord): TokenInfo {
  const { id, name, issuedAtMs, expiresAtMs, usedAtMs } = record;
  return { id, name, issuedAtMs, expiresAtMs, usedAtMs };
}
