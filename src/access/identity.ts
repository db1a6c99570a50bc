import { CausewayError } from '../base/errors.ts';
import type { Dir } from '../world/disk.ts';
import { LoginGuard } from './guard/login_guard.ts';
import type { Vault } from './keys/vault.ts';
import { checkNewPassword } from './passwords/password_rules.ts';
import { Passwords } from './passwords/passwords.ts';
import type { AccessPorts } from './ports.ts';
import type { Principal } from './rights/principal.ts';
import { OneTimeLinks } from './users/one_time_links.ts';
import { NO_USERS, SessionState, type UserRecord, UserState } from './users/records.ts';
import { SecondFactors } from './users/second_factors.ts';
import { type IssuedSession, type SessionLengths, Sessions } from './users/sessions.ts';
import { StateDocument } from './users/state_document.ts';
import { Tokens } from './users/tokens.ts';
import { type UserDocument, Users } from './users/users.ts';

export interface LoginRequest {
  readonly name: string;
  readonly password: string;
  /** Of the authenticator, or a recovery code. */
  readonly code?: string;
  /** Where the request comes from. */
  readonly address: string;
}

interface Stores {
  readonly users: UserDocument;
  readonly sessions: StateDocument<typeof SessionState>;
}

/** Who people are: users, passwords, second factors, sessions and tokens of one data directory. */
export class Identity {
  readonly users: Users;
  readonly secondFactors: SecondFactors;
  readonly tokens: Tokens;
  readonly links: OneTimeLinks;
  readonly sessions: Sessions;
  readonly #passwords: Passwords;
  readonly #guard: LoginGuard;

  private constructor(
    ports: AccessPorts,
    vault: Vault,
    stores: Stores,
    passwords: Passwords,
    lengths: SessionLengths | undefined,
  ) {
    this.users = new Users(stores.users, ports);
    this.secondFactors = new SecondFactors(this.users, vault, ports);
    this.tokens = new Tokens(stores.users, this.users, ports);
    this.links = new OneTimeLinks(stores.users, this.users, ports);
    this.sessions = new Sessions(stores.sessions, ports, lengths);
    this.#passwords = passwords;
    this.#guard = new LoginGuard(ports.clock);
  }

  /**
   * Reads `users.json` and `sessions.json` of `dir`; `dirPath` is for messages. CW_DAEMON_STATE where one is damaged.
   * `passwords` is for another cost of a password check than the usual one, `lengths` for other sessions.
   */
  static async open(
    ports: AccessPorts,
    vault: Vault,
    place: { readonly dir: Dir; readonly dirPath: string },
    passwords: Passwords = new Passwords(ports),
    lengths?: SessionLengths,
  ): Promise<Identity> {
    const users = await StateDocument.open({ ...place, name: 'users.json' }, UserState, NO_USERS);
    const sessions = await StateDocument.open({ ...place, name: 'sessions.json' }, SessionState, {
      sessions: [],
    });
    return new Identity(ports, vault, { users, sessions }, passwords, lengths);
  }

  /**
   * Signs a user in. CW_AUTH_LOCKED, CW_AUTH_WRONG (whatever of it is wrong, also for a name that nobody has),
   * CW_AUTH_SECOND_FACTOR where name and password are right and a code is missing, CW_AUTH_BUSY.
   */
  async logIn(request: LoginRequest): Promise<IssuedSession> {
    return this.#guarded(request.name, request.address, async () => {
      const user = await this.#checkPassword(request);
      const secondFactor = await this.#checkCode(user, request.code);
      return this.sessions.create(user, request.address, secondFactor);
    });
  }

  /** Whose cookie it is; null for none that is valid. */
  bySession(cookie: string): Principal | null {
    const session = this.sessions.find(cookie, (userId) => this.#active(userId));
    const user = session && this.#active(session.userId);
    if (!session || !user) return null;
    const { id: userId, name, grants } = user;
    return { kind: 'user', userId, name, grants, bound: null, secondFactor: session.secondFactor };
  }

  /** Whose token it is; null for none that is valid. */
  byToken(text: string): Principal | null {
    const token = this.tokens.find(text);
    const user = token && this.#active(token.userId);
    if (!token || !user) return null;
    const name = `${user.name} (token ${token.id})`;
    return {
      kind: 'token',
      userId: user.id,
      name,
      grants: user.grants,
      bound: token.bound,
      secondFactor: false,
    };
  }

  /** Makes the first administrator, by the link that the daemon printed. CW_AUTH_LINK, CW_USER_NAME, CW_PASSWORD_WEAK. */
  async becomeFirst(link: string, name: string, password: string): Promise<string> {
    this.links.look(link); // before the work of hashing
    checkNewPassword(password, name);
    return this.links.redeemFirst(link, name, await this.#passwords.hash(password));
  }

  /** Sets a password by a one-time link. CW_AUTH_LINK, CW_USER_UNKNOWN, CW_PASSWORD_WEAK. */
  async setPasswordByLink(link: string, password: string): Promise<string> {
    const { userId } = this.links.look(link);
    if (userId !== null) checkNewPassword(password, this.users.get(userId).name);
    return this.links.redeem(link, await this.#passwords.hash(password));
  }

  /**
   * Changes a user's own password; all its sessions end. CW_AUTH_WRONG where the old one is not right, CW_AUTH_LOCKED,
   * CW_PASSWORD_WEAK.
   */
  async changePassword(userId: string, change: { old: string; new: string; address: string }): Promise<void> {
    const user = this.users.get(userId);
    checkNewPassword(change.new, user.name);
    await this.#guarded(user.name, change.address, async () => {
      const { matches } = await this.#passwords.check(change.old, user.password);
      if (!matches) throw wrong();
    });
    await this.users.setPassword(userId, await this.#passwords.hash(change.new));
  }

  /**
   * Asks a user who has signed in for a code once more; the code is used then. CW_AUTH_WRONG, CW_AUTH_LOCKED, CW_AUTH_CODE
   * without an authenticator.
   */
  async proveCode(userId: string, code: string, address: string): Promise<void> {
    const user = this.users.get(userId);
    if (user.totp === null) throw new CausewayError('CW_AUTH_CODE', `${user.name} has no authenticator`);
    await this.#guarded(user.name, address, async () => {
      if (!(await this.secondFactors.use(userId, code))) throw wrong();
    });
  }

  /** Sets a password in the name of an administrator; all sessions of the user end. CW_USER_UNKNOWN, CW_PASSWORD_WEAK. */
  async setPassword(userId: string, password: string): Promise<void> {
    checkNewPassword(password, this.users.get(userId).name);
    await this.users.setPassword(userId, await this.#passwords.hash(password));
  }

  /** Stores what is not stored with each use. Call it every minute, and at the end. */
  async flush(): Promise<void> {
    await this.tokens.flush();
    await this.sessions.flush((userId) => this.#active(userId));
  }

  /** Runs one attempt of somebody to prove who they are; only what was wrong counts as a failure. */
  async #guarded<T>(name: string, address: string, work: () => Promise<T>): Promise<T> {
    const attempt = this.#guard.begin(name, address);
    try {
      const result = await work();
      attempt.succeeded();
      return result;
    } catch (failure) {
      const isGuess = failure instanceof CausewayError && failure.code === 'CW_AUTH_WRONG';
      if (!isGuess) attempt.takeBack(); // a missing code or a full disk is no guess
      throw failure;
    }
  }

  async #upgrade(userId: string, stored: string, password: string): Promise<void> {
    try {
      await this.users.upgradePassword(userId, stored, await this.#passwords.hash(password));
    } catch (failure) {
      // the password was right all the same, and the next sign-in tries again
      if (!(failure instanceof CausewayError)) throw failure;
    }
  }

  async #checkPassword({ name, password }: LoginRequest): Promise<UserRecord> {
    const user = this.users.byName(name);
    const stored = user?.disabled === false ? user.password : null;
    const { matches, outdated } = await this.#passwords.check(password, stored);
    if (user === null || stored === null || !matches) throw wrong();
    if (outdated) await this.#upgrade(user.id, stored, password);
    const now = this.#active(user.id); // the user may have been removed meanwhile, or have another password
    if (now === null || now.epoch !== user.epoch) throw wrong();
    return now;
  }

  /** Whether a second factor was shown; one that the user has must be. */
  async #checkCode(user: UserRecord, code: string | undefined): Promise<boolean> {
    if (user.totp === null) return false;
    if (code === undefined || code.trim() === '') {
      throw new CausewayError('CW_AUTH_SECOND_FACTOR', `${user.name} signs in with a second factor`);
    }
    if (!(await this.secondFactors.use(user.id, code))) throw wrong();
    return true;
  }

  #active(userId: string): UserRecord | null {
    const user = this.users.byId(userId);
    return user === null || user.disabled ? null : user;
  }
}

function wrong(): CausewayError {
  return new CausewayError('CW_AUTH_WRONG', 'name, password or code is wrong');
}
