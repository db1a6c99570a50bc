import { toHex } from '../../base/bytes.ts';
import type { AccessPorts } from '../ports.ts';
import { checkGrants, type Grant } from '../rights/grant.ts';
import type { UserRecord, UserState } from './records.ts';
import type { StateDocument } from './state_document.ts';
import { userIn, withChanged, withoutUser, withUser } from './user_edits.ts';
import { parseUserName } from './user_name.ts';

export type UserDocument = StateDocument<typeof UserState>;

const ID_BYTES = 8;

/** A user without password, second factor and sessions. CW_USER_NAME, CW_USAGE. */
export function newUser(
  { random, clock }: Pick<AccessPorts, 'random' | 'clock'>,
  name: string,
  grants: readonly Grant[],
): UserRecord {
  checkGrants(grants);
  return {
    id: toHex(random.bytes(ID_BYTES)),
    name: parseUserName(name),
    password: null,
    grants: [...grants],
    disabled: false,
    createdAtMs: clock.wallMs(),
    epoch: 0,
    totp: null,
    totpPending: null,
    recovery: [],
  };
}

/** The users of a daemon. Every change is durable when it resolves, and is told to who listens. */
export class Users {
  readonly #document: UserDocument;
  readonly #ports: AccessPorts;
  readonly #listeners = new Set<(userId: string) => void>();

  constructor(document: UserDocument, ports: AccessPorts) {
    this.#document = document;
    this.#ports = ports;
  }

  list(): readonly UserRecord[] {
    return this.#document.state.users;
  }

  byId(userId: string): UserRecord | null {
    return this.list().find((user) => user.id === userId) ?? null;
  }

  /** In any case of letters. */
  byName(name: string): UserRecord | null {
    const plain = name.trim().toLowerCase();
    return this.list().find((user) => user.name === plain) ?? null;
  }

  /** CW_USER_NAME, CW_USER_EXISTS, CW_USAGE, CW_LIMIT. The user signs in once a one-time link gave a password. */
  async add(name: string, grants: readonly Grant[]): Promise<UserRecord> {
    const user = newUser(this.#ports, name, grants);
    await this.change(user.id, (state) => withUser(state, user));
    return user;
  }

  /** CW_USER_UNKNOWN, CW_USER_LAST_ADMIN, CW_USAGE. In force with the next decision. */
  async setGrants(userId: string, grants: readonly Grant[]): Promise<void> {
    checkGrants(grants);
    await this.#patch(userId, () => ({ grants: [...grants] }));
  }

  /** A disabled user keeps everything and can use nothing. CW_USER_UNKNOWN, CW_USER_LAST_ADMIN. */
  setDisabled(userId: string, disabled: boolean): Promise<void> {
    return this.#patch(userId, (user) => ({ disabled, epoch: user.epoch + 1 }));
  }

  /** Ends all sessions of the user. `password` is a PHC string. CW_USER_UNKNOWN. */
  setPassword(userId: string, password: string): Promise<void> {
    return this.#patch(userId, (user) => ({ password, epoch: user.epoch + 1 }));
  }

  /** The same password hashed anew: nothing ends. Nothing happens where another password was set meanwhile. */
  upgradePassword(userId: string, from: string, to: string): Promise<void> {
    return this.#patch(userId, (user) => (user.password === from ? { password: to } : {}));
  }

  /** Ends all sessions of the user. CW_USER_UNKNOWN. */
  endSessions(userId: string): Promise<void> {
    return this.#patch(userId, (user) => ({ epoch: user.epoch + 1 }));
  }

  /** Also ends all sessions and tokens of the user. CW_USER_UNKNOWN, CW_USER_LAST_ADMIN. */
  remove(userId: string): Promise<void> {
    return this.change(userId, (state) => withoutUser(state, userId));
  }

  /**
   * Calls `listener` after each change of a user or of what belongs to it, with its id: decide again whatever is open
   * for that user. The result ends it.
   */
  onChange(listener: (userId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes a change that concerns one user durable, then tells it. For the other stores of this folder. */
  async change(userId: string, edit: (state: UserState) => UserState): Promise<void> {
    const isChanged = await this.#document.change((state) => {
      const next = edit(state);
      return [next, next !== state];
    });
    if (isChanged) for (const listener of this.#listeners) listener(userId);
  }

  #patch(userId: string, patch: (user: UserRecord) => Partial<UserRecord>): Promise<void> {
    return this.change(userId, (state) => withChanged(state, userId, (user) => patch(user)));
  }

  /** CW_USER_UNKNOWN. */
  get(userId: string): UserRecord {
    return userIn(this.#document.state, userId);
  }
}
