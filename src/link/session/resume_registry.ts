import { equalBytes, toHex } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { AcceptedPeer, AcceptedSession } from '../accepted_link.ts';

interface Kept {
  readonly session: AcceptedSession;
  /** Stops the time that a session without a carrier still has; null while it has a carrier. */
  expiry: AbortController | null;
  /** Rises with each loss of a carrier: the smallest waits longest. */
  lostAt: number;
}

/**
 * The sessions of the accepting side. A session without a carrier is kept for `LIMITS.sessionKeepMs`, at most
 * `LIMITS.sessionsKeptMax` of them: the one that waits longest makes room. It is found by id and by who started it, so
 * that knowing an id is of no use to another peer; a peer that changes its key meanwhile stays the same one.
 */
export class ResumeRegistry {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  /** By owner: the incarnation that was heard of last. */
  readonly #incarnations = new Map<string, Uint8Array>();

  #losses = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get sessions(): AcceptedSession[] {
    return [...this.#kept.values()].map((kept) => kept.session);
  }

  /** `owner` as {@link ownerOf} gives it. */
  find(owner: string | null, sessionId: Uint8Array): AcceptedSession | null {
    return this.#kept.get(keyOf(owner, sessionId))?.session ?? null;
  }

  /** Sessions of one peer that have a carrier. */
  countAttached(owner: string | null): number {
    return this.sessions.filter((session) => ownerOf(session.peer) === owner && session.attached).length;
  }

  /** Keeps a session until it is closed, or has had no carrier for too long. */
  add(session: AcceptedSession): void {
    const key = keyOf(ownerOf(session.peer), session.sessionId);
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
  async heardOf(owner: string | null, incarnation: Uint8Array | undefined): Promise<void> {
    if (owner === null || incarnation === undefined) return;
    this.#incarnations.set(owner, incarnation);
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
    const owner = ownerOf(session.peer);
    if (owner === null || session.incarnation === undefined) return false;
    const latest = this.#incarnations.get(owner);
    return latest !== undefined && !equalBytes(latest, session.incarnation);
  }

  #remove(key: string, kept: Kept): void {
    if (this.#kept.get(key) !== kept) return; // a newer session of that id has taken its place
    this.#kept.delete(key);
    const owner = ownerOf(kept.session.peer);
    if (owner !== null && !this.sessions.some((other) => ownerOf(other.peer) === owner))
      this.#incarnations.delete(owner);
  }
}

/** Whose a session is: what the policy calls the peer, whichever of its keys it shows; null on a trusted carrier. */
export function ownerOf({ id, fingerprint }: Pick<AcceptedPeer, 'id' | 'fingerprint'>): string | null {
  return id === null ? fingerprint : `named:${id}`;
}

function keyOf(owner: string | null, sessionId: Uint8Array): string {
  return `${owner ?? 'carrier'}:${toHex(sessionId)}`;
}

function restarted(): CausewayError {
  return new CausewayError('CW_LINK_SESSION_LOST', 'the other side was started anew');
}

function forgotten(why: string): CausewayError {
  return new CausewayError('CW_LINK_SESSION_LOST', `the session was given up: ${why}`);
}
