import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Argon2Cost } from '../../world/cryptography.ts';
import type { AccessPorts } from '../ports.ts';
import { isHashable, passwordBytes } from './password_rules.ts';
import { formatPhc, type HashedPassword, parsePhc } from './phc.ts';
import { Turns } from './turns.ts';

export interface PasswordCheck {
  readonly matches: boolean;
  /** It matches and was hashed at another cost than the present one: hash it again. */
  readonly outdated: boolean;
}

const SALT_BYTES = 16;
const HASH_BYTES = 32;
const NO_MATCH: PasswordCheck = { matches: false, outdated: false };

export const PASSWORD_COST: Argon2Cost = {
  memoryBytes: LIMITS.argonMemoryBytes.value,
  passes: LIMITS.argonPasses.value,
  lanes: LIMITS.argonLanes.value,
};

/** Hashes and checks passwords with Argon2id (RFC 9106), a few at a time. */
export class Passwords {
  readonly #ports: Pick<AccessPorts, 'crypto' | 'random'>;
  readonly #cost: Argon2Cost;
  readonly #turns = new Turns(LIMITS.passwordChecksMax.value, LIMITS.passwordChecksWaitingMax.value);

  constructor(ports: Pick<AccessPorts, 'crypto' | 'random'>, cost: Argon2Cost = PASSWORD_COST) {
    this.#ports = ports;
    this.#cost = cost;
  }

  /** The PHC string of a password whose strength was checked before. CW_AUTH_BUSY. */
  async hash(password: string): Promise<string> {
    const salt = this.#ports.random.bytes(SALT_BYTES);
    const hash = await this.#compute(password, { cost: this.#cost, salt, hash: new Uint8Array(HASH_BYTES) });
    return formatPhc({ cost: this.#cost, salt, hash });
  }

  /**
   * Checks a password against what is stored. With `null`, for a user that does not exist or has no password, it does
   * the same work and does not match, so that the time tells nobody which names exist. CW_AUTH_BUSY, CW_DAEMON_STATE.
   */
  async check(password: string, stored: string | null): Promise<PasswordCheck> {
    if (!isHashable(password)) return NO_MATCH; // depends on what was typed, not on who exists
    const expected = stored === null ? this.#nobody() : parsePhc(stored);
    if (expected === null) {
      throw new CausewayError('CW_DAEMON_STATE', 'the stored hash of a password has an unknown form');
    }
    const hash = await this.#compute(password, expected);
    const matches = this.#ports.crypto.equal(hash, expected.hash) && stored !== null;
    return { matches, outdated: matches && !this.#isCurrent(expected) };
  }

  #nobody(): HashedPassword {
    const { random } = this.#ports;
    return { cost: this.#cost, salt: random.bytes(SALT_BYTES), hash: random.bytes(HASH_BYTES) };
  }

  #compute(password: string, like: HashedPassword): Promise<Uint8Array> {
    const { cost, salt, hash } = like;
    return this.#turns.run(
      () => this.#ports.crypto.argon2id(passwordBytes(password), salt, cost, hash.byteLength),
      () => new CausewayError('CW_AUTH_BUSY', 'too many passwords are being checked at this moment'),
    );
  }

  #isCurrent({ cost, salt, hash }: HashedPassword): boolean {
    const { memoryBytes, passes, lanes } = this.#cost;
    const sameCost = cost.memoryBytes === memoryBytes && cost.passes === passes && cost.lanes === lanes;
    return sameCost && salt.byteLength === SALT_BYTES && hash.byteLength === HASH_BYTES;
  }
}
