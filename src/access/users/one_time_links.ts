import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { AccessPorts } from '../ports.ts';
import { fullGrant } from '../rights/grant.ts';
import { isSameSecret, issueSecret, readSecret } from '../secrets/bearer_secret.ts';
import type { LinkRecord, UserState } from './records.ts';
import { userIn, withChanged, withUser } from './user_edits.ts';
import { newUser, type UserDocument, type Users } from './users.ts';

export interface OneTimeLink {
  /** Goes into the fragment of a URL, which no server and no log sees. */
  readonly text: string;
  readonly expiresAtMs: number;
}

/** Links that work once: the first one makes the first administrator, others let a user set a password. */
export class OneTimeLinks {
  readonly #document: UserDocument;
  readonly #users: Users;
  readonly #ports: AccessPorts;

  constructor(document: UserDocument, users: Users, ports: AccessPorts) {
    this.#document = document;
    this.#users = users;
    this.#ports = ports;
  }

  /** A link to become the first administrator, in the place of an earlier one; null where there are users. */
  async issueFirst(): Promise<OneTimeLink | null> {
    if (this.#users.list().length > 0) return null;
    return this.#issue(null);
  }

  /** A link for a user to set a password, in the place of an earlier one. CW_USER_UNKNOWN, CW_LIMIT. */
  issueFor(userId: string): Promise<OneTimeLink> {
    return this.#issue(userId);
  }

  /** Who the link is for: a user, or null for the first administrator. CW_AUTH_LINK. */
  look(text: string): { readonly userId: string | null } {
    return { userId: this.#find(this.#document.state, text).userId };
  }

  /** Uses up the first link: makes the first administrator. CW_AUTH_LINK, CW_USER_NAME. */
  async redeemFirst(text: string, name: string, password: string): Promise<string> {
    const admin = { ...newUser(this.#ports, name, [fullGrant('admin')]), password };
    await this.#users.change(admin.id, (state) => {
      const link = this.#find(state, text);
      if (link.userId !== null || state.users.length > 0)
        throw useless('it is not for the first administrator');
      return without(withUser(state, admin), link);
    });
    return admin.id;
  }

  /** Uses up a link: sets the user's password and ends all its sessions. CW_AUTH_LINK, CW_USER_UNKNOWN. */
  async redeem(text: string, password: string): Promise<string> {
    const { userId } = this.look(text);
    if (userId === null) throw useless('it is for the first administrator');
    await this.#users.change(userId, (state) => {
      const link = this.#find(state, text);
      return without(
        withChanged(state, userId, (user) => ({ password, epoch: user.epoch + 1 })),
        link,
      );
    });
    return userId;
  }

  async #issue(userId: string | null): Promise<OneTimeLink> {
    const { random, clock } = this.#ports;
    const { id, hash, text } = issueSecret(random, 'cwi');
    const nowMs = clock.wallMs();
    const expiresAtMs = nowMs + LIMITS.oneTimeLinkLifeMs.value;
    await this.#document.change((state) => {
      if (userId !== null) userIn(state, userId);
      const others = state.links.filter((link) => link.userId !== userId && nowMs < link.expiresAtMs);
      if (others.length >= LIMITS.oneTimeLinksMax.value) {
        throw new CausewayError('CW_LIMIT', `there are ${LIMITS.oneTimeLinksMax.value} unused links already`);
      }
      return [{ ...state, links: [...others, { id, hash, userId, expiresAtMs }] }, undefined];
    });
    return { text, expiresAtMs };
  }

  #find(state: UserState, text: string): LinkRecord {
    const shown = readSecret('cwi', text);
    if (shown === null) throw useless('it is damaged');
    const link = state.links.find((one) => one.id === shown.id);
    if (link === undefined || !isSameSecret(this.#ports.crypto, shown, link))
      throw useless('it was used or replaced');
    if (this.#ports.clock.wallMs() >= link.expiresAtMs) throw useless('it has expired');
    return link;
  }
}

function without(state: UserState, link: LinkRecord): UserState {
  return { ...state, links: state.links.filter((one) => one.id !== link.id) };
}

function useless(why: string): CausewayError {
  return new CausewayError('CW_AUTH_LINK', `the one-time link does not work: ${why}`);
}
