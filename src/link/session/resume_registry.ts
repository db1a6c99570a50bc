import { equalBytes, toHex } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { AcceptedSession } from '../accepted_link.ts';

interface Kept {
  readonly session: AcceptedSession;
  /** Stops the time that a session without a carrier still has; null while it has a carrier. */
  expiry: AbortController | null;
  /** Rises with each loss of a carrier: the smallest waits longest. */
  lostAt: number;
}

/**
 * The sessions of the accepting side. A session without a carrier is kept for `LIMITS.sessionKeepMs`, at most
 * `LIMITS.sessionsKeptMax` of them: the one that waits longest makes room. It is found by id and by the key that
 * started it, so that knowing an id is of no use to another key.
 */
export class ResumeRegistry {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  /** By key: the incarnation that was heard of last. */
  readonly #incarnations = new Map<string, Uint8Array>();

  #losses = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get sessions(): AcceptedSession[] {
    return [...this.#kept.values()].map((kept) => kept.session);
  }

  find(fingerprint: string | null, sessionId: Uint8Array): AcceptedSession | null {
    return this.#kept.get(keyOf(fingerprint, sessionId))?.session ?? null;
  }

  /** Sessions of one key that have a carrier. */
  countAttached(fingerprint: string | null): number {
    return this.sessions.filter((session) => session.peer.fingerprint === fingerprint && session.attached)
      .length;
  }

  /** Keeps a session until it is closed, or has had no carrier for too long. */
  add(session: AcceptedSession): void {
    const key = keyOf(session.peer.fingerprint, session.sessionId);
    const kept: Kept = { session, expiry: null, lostAt: 0 };
    this.#kept.set(key, kept);
    session.onState(({ kind }) => {
      kept.expiry?.abort();
      kept.expiry = null;
      if (kind === 'closed') this.#remove(key, kept);
      if (kind === 'interrupted') this.#expireLater(kept);
    });
  }

  /** Ends what an earlier incarnation of this device left without a carrier; nobody can resume it. */
  async heardOf(fingerprint: string | null, incarnation: Uint8Array | undefined): Promise<void> {
    if (fingerprint === null || incarnation === undefined) return;
    this.#incarnations.set(fingerprint, incarnation);
    const orphans = this.sessions.filter((session) => !session.attached && this.#isOrphan(session));
    await Promise.all(orphans.map((session) => session.end(restarted())));
  }

  async closeAll(error: CausewayError): Promise<void> {
    await Promise.all(this.sessions.map((session) => session.end(error)));
  }

  #expireLater(kept: Kept): void {
    if (this.#isOrphan(kept.session)) {
      void kept.session.end(restarted());
      return;
    }
    const expiry = new AbortController();
    kept.expiry = expiry;
    kept.lostAt = ++this.#losses;
    this.#clock.sleep(LIMITS.sessionKeepMs.value, expiry.signal).then(
      () => kept.session.end(forgotten('the other side did not come back in time')),
      () => undefined, // it came back, or the session was closed
    );
    this.#dropOldest();
  }

  #dropOldest(): void {
    const waiting = [...this.#kept.values()]
      .filter((kept) => kept.expiry !== null)
      .sort((a, b) => a.lostAt - b.lostAt);
    for (const kept of waiting.slice(0, Math.max(0, waiting.length - LIMITS.sessionsKeptMax.value))) {
      void kept.session.end(forgotten('too many sessions wait for their peer'));
    }
  }

  #isOrphan(session: AcceptedSession): boolean {
    const { fingerprint } = session.peer;
    if (fingerprint === null || session.incarnation === undefined) return false;
    const latest = this.#incarnations.get(fingerprint);
    return latest !== undefined && !equalBytes(latest, session.incarnation);
  }

  #remove(key: string, kept: Kept): void {
    if (this.#kept.get(key) !== kept) return; // a newer session of that id has taken its place
    this.#kept.delete(key);
    const { fingerprint } = kept.session.peer;
    if (fingerprint !== null && !this.sessions.some((other) => other.peer.fingerprint === fingerprint)) {
      this.#incarnations.delete(fingerprint);
    }
  }
}

function keyOf(fingerprint: string | null, sessionId: Uint8Array): string {
  return `${fingerprint ?? 'carrier'}:${toHex(sessionId)}`;
}

function restarted(): CausewayError {
  return new CausewayError('CW_LINK_SESSION_LOST', 'the other side was started anew');
}

function forgotten(why: string): CausewayError {
  return new CausewayError('CW_LINK_SESSION_LOST', `the session was given up: ${why}`);
}
