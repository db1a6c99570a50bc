import { utf8 } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import type { AccessPorts } from '../ports.ts';
import { derivedSecret, isSameSecret, issueSecret, readSecret } from '../secrets/bearer_secret.ts';
import { LastUses } from './last_uses.ts';
import type { SessionRecord, SessionState, UserRecord } from './records.ts';
import type { StateDocument } from './state_document.ts';

export interface IssuedSession {
  readonly session: SessionRecord;
  /** For a cookie that scripts cannot read. */
  readonly cookie: string;
  /** For the page: a changing request shows it in a header. */
  readonly csrf: string;
}

/** How long browsers stay signed in; asked each time, since it can be changed. */
export interface SessionLengths {
  idleMs(): number;
  lifeMs(): number;
}

const USUAL_LENGTHS: SessionLengths = {
  idleMs: () => LIMITS.loginSessionIdleMs.value,
  lifeMs: () => LIMITS.loginSessionLifeMs.value,
};

/** Signed-in browsers. */
export class Sessions {
  readonly #lengths: SessionLengths;
  readonly #document: StateDocument<typeof SessionState>;
  readonly #ports: AccessPorts;
  readonly #uses = new LastUses();

  constructor(
    document: StateDocument<typeof SessionState>,
    ports: AccessPorts,
    lengths: SessionLengths = USUAL_LENGTHS,
  ) {
    this.#document = document;
    this.#ports = ports;
    this.#lengths = lengths;
  }

  /** How long a browser stays signed in at most. */
  get lifeMs(): number {
    return this.#lengths.lifeMs();
  }

  /** Signs a browser in; the oldest sessions beyond the limits end. */
  async create(user: UserRecord, address: string, secondFactor: boolean): Promise<IssuedSession> {
    const { random, clock } = this.#ports;
    const { id, hash, text } = issueSecret(random, 'cwl');
    const nowMs = clock.wallMs();
    const { id: userId, epoch } = user;
    const times = { createdAtMs: nowMs, lastSeenAtMs: nowMs };
    const session: SessionRecord = { id, hash, userId, epoch, secondFactor, address, ...times };
    await this.#document.change(({ sessions }) => {
      const alive = sessions.filter((one) => this.#isAlive(one, nowMs));
      const own = alive.filter((one) => one.userId === userId);
      const surplus = new Set(
        own.slice(0, Math.max(0, own.length + 1 - LIMITS.loginSessionsPerUserMax.value)),
      );
      const kept = alive.filter((one) => !surplus.has(one));
      return [{ sessions: [...kept, session].slice(-LIMITS.loginSessionsMax.value) }, undefined];
    });
    return { session, cookie: text, csrf: this.csrfOf(text) as string };
  }

  /**
   * The session of a cookie that is neither idle nor old, and whose user has the epoch it had then; null for any other
   * text. Notes that it was used.
   */
  find(cookie: string, userOf: (userId: string) => UserRecord | null): SessionRecord | null {
    const shown = readSecret('cwl', cookie);
    const session = shown && this.#document.state.sessions.find((one) => one.id === shown.id);
    const nowMs = this.#ports.clock.wallMs();
    if (!shown || !session || !isSameSecret(this.#ports.crypto, shown, session)) return null;
    if (!this.#isAlive(session, nowMs) || userOf(session.userId)?.epoch !== session.epoch) return null;
    this.#uses.note(session.id, nowMs);
    return session;
  }

  /** How many are neither idle nor old. */
  get count(): number {
    const nowMs = this.#ports.clock.wallMs();
    return this.#document.state.sessions.filter((one) => this.#isAlive(one, nowMs)).length;
  }

  /** The sessions of one user that are neither idle nor old. */
  list(user: UserRecord): SessionRecord[] {
    const nowMs = this.#ports.clock.wallMs();
    return this.#document.state.sessions
      .filter((one) => one.userId === user.id && one.epoch === user.epoch && this.#isAlive(one, nowMs))
      .map((one) => ({ ...one, lastSeenAtMs: this.#uses.latest(one.id, one.lastSeenAtMs) }));
  }

  /** Signs a browser out. */
  async end(sessionId: string): Promise<void> {
    await this.#document.change((state) => {
      const sessions = state.sessions.filter((one) => one.id !== sessionId);
      return [sessions.length === state.sessions.length ? state : { sessions }, undefined];
    });
  }

  /** What the page of this cookie shows with each changing request; null for what is no cookie. */
  csrfOf(cookie: string): string | null {
    return derivedSecret(this.#ports.crypto, 'cwl', cookie, 'csrf');
  }

  isCsrf(cookie: string, shown: string): boolean {
    const expected = this.csrfOf(cookie);
    return expected !== null && this.#ports.crypto.equal(utf8(shown), utf8(expected));
  }

  /** Stores the times of last use that are stale, and forgets sessions that have ended. Call it now and then, and at the end. */
  async flush(userOf: (userId: string) => UserRecord | null): Promise<void> {
    const nowMs = this.#ports.clock.wallMs();
    await this.#document.change((state) => {
      const alive = state.sessions.filter(
        (one) => this.#isAlive(one, nowMs) && userOf(one.userId)?.epoch === one.epoch,
      );
      this.#uses.keepOnly(new Set(alive.map((one) => one.id)));
      const isSame = alive.length === state.sessions.length;
      if (isSame && !alive.some((one) => this.#uses.isStale(one.id, one.lastSeenAtMs)))
        return [state, undefined];
      const sessions = alive.map((one) => ({
        ...one,
        lastSeenAtMs: this.#uses.latest(one.id, one.lastSeenAtMs),
      }));
      return [{ sessions }, undefined];
    });
  }

  /** A wall clock that was set back makes no session younger than it is stored to be. */
  #isAlive(session: SessionRecord, nowMs: number): boolean {
    const seenMs = this.#uses.latest(session.id, session.lastSeenAtMs);
    return nowMs - seenMs < this.#lengths.idleMs() && nowMs - session.createdAtMs < this.#lengths.lifeMs();
  }
}
