import { toHex } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { AccessPorts } from '../ports.ts';
import { FailureCounters } from './failure_counters.ts';
import { isV4, parseIp } from './ip_address.ts';

const NAME_CHARACTERS_MAX = 64;
const V6_NETWORK_BYTES = 8;

/** One attempt to sign in. It counts as failed until one of these says otherwise. */
export interface LoginAttempt {
  /** Name and password and code were right. */
  succeeded(): void;
  /** It proved nothing, for example because the code was not asked for yet. */
  takeBack(): void;
}

/**
 * Slows down whoever guesses passwords. Counted are failures of one address at one account, of one address at all
 * accounts, and of all addresses at one account; the last count holds up only addresses that never signed in to the
 * account. A refused attempt is not counted, so that one address alone can never use up the count of an account: its
 * owner signs in from elsewhere meanwhile. Addresses of IPv6 count by their /64, which one customer has.
 */
export class LoginGuard {
  readonly #clock: Pick<AccessPorts['clock'], 'monotonicMs'>;
  readonly #pairs = new FailureCounters(LIMITS.loginFailuresFreeMax.value);
  readonly #addresses = new FailureCounters(LIMITS.loginAddressFreeMax.value);
  readonly #accounts = new FailureCounters(LIMITS.loginAccountFreeMax.value);
  readonly #known = new Map<string, readonly string[]>();

  constructor(clock: Pick<AccessPorts['clock'], 'monotonicMs'>) {
    this.#clock = clock;
  }

  /**
   * Begins an attempt; `account` is the name as it was typed, whether such a user exists or not. CW_AUTH_LOCKED,
   * naming how long to wait, before any password is looked at.
   */
  begin(account: string, address: string): LoginAttempt {
    const nowMs = this.#clock.monotonicMs();
    const name = account.slice(0, NAME_CHARACTERS_MAX).toLowerCase();
    const place = placeOf(address);
    const pair = `${name}\n${place}`;
    const isKnown = this.#known.get(name)?.includes(place) ?? false;
    const waitMs = Math.max(
      this.#pairs.waitMs(pair, nowMs),
      this.#addresses.waitMs(place, nowMs),
      isKnown ? 0 : this.#accounts.waitMs(name, nowMs),
    );
    if (waitMs > 0) throw locked(waitMs);
    this.#pairs.add(pair, nowMs);
    this.#addresses.add(place, nowMs);
    this.#accounts.add(name, nowMs);
    const takeBack = (): void => {
      this.#pairs.takeBack(pair);
      this.#addresses.takeBack(place);
      this.#accounts.takeBack(name);
    };
    return {
      takeBack,
      succeeded: () => {
        takeBack();
        this.#pairs.clear(pair);
        this.#remember(name, place);
      },
    };
  }

  #remember(name: string, place: string): void {
    const others = (this.#known.get(name) ?? []).filter((one) => one !== place);
    this.#known.delete(name);
    this.#known.set(name, [place, ...others].slice(0, LIMITS.loginKnownAddressesMax.value));
    const [oldest] = this.#known.keys();
    if (this.#known.size > LIMITS.loginCountersMax.value && oldest !== undefined) this.#known.delete(oldest);
  }
}

/** What counts as one place: an IPv4 address, a /64 of IPv6, or the text itself for a local channel. */
function placeOf(address: string): string {
  const ip = parseIp(address);
  if (ip === null) return address.slice(0, NAME_CHARACTERS_MAX);
  return toHex(isV4(ip) ? ip : ip.subarray(0, V6_NETWORK_BYTES));
}

function locked(waitMs: number): CausewayError {
  const seconds = Math.ceil(waitMs / 1_000);
  const wait = seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
  return new CausewayError('CW_AUTH_LOCKED', `too many attempts to sign in failed: wait ${wait}`);
}
