import type { Identity } from '../access/identity.ts';
import type { OneTimeLink } from '../access/users/one_time_links.ts';
import type { Clock } from '../world/clock.ts';

/** The link for the first administrator while there is none. Only its hash is stored: its text lives as long as the daemon. */
export class FirstLink {
  readonly #identity: Identity;
  readonly #clock: Pick<Clock, 'wallMs'>;
  #issued: Promise<OneTimeLink | null> | null = null;

  constructor(identity: Identity, clock: Pick<Clock, 'wallMs'>) {
    this.#identity = identity;
    this.#clock = clock;
  }

  /** Null once there are users. A link that has expired is replaced. */
  async text(): Promise<string | null> {
    if (this.#identity.users.list().length > 0) return null;
    const known = await this.#issued;
    if (known && this.#clock.wallMs() < known.expiresAtMs) return known.text;
    this.#issued = this.#identity.links.issueFirst();
    return (await this.#issued)?.text ?? null;
  }
}
