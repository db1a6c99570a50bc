import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { AccessPorts } from '../ports.ts';
import { checkGrants, type Grant } from '../rights/grant.ts';
import { isSameSecret, issueSecret, readSecret } from '../secrets/bearer_secret.ts';
import { LastUses } from './last_uses.ts';
import type { TokenRecord, UserState } from './records.ts';
import { userIn } from './user_edits.ts';
import type { UserDocument, Users } from './users.ts';

export interface TokenRequest {
  readonly userId: string;
  /** For people: what it is for, at most 128 characters. */
  readonly label: string;
  /** What it allows at most; never more than its user may. */
  readonly bound: readonly Grant[];
  readonly lifeMs: number;
}

const LABEL_CHARACTERS_MAX = 128;

/** API tokens: stored as hashes, bound to a user, gone with it. */
export class Tokens {
  readonly #document: UserDocument;
  readonly #users: Users;
  readonly #ports: AccessPorts;
  readonly #uses = new LastUses();

  constructor(document: UserDocument, users: Users, ports: AccessPorts) {
    this.#document = document;
    this.#users = users;
    this.#ports = ports;
  }

  /** A new token; its text is shown this once. CW_USER_UNKNOWN, CW_USAGE, CW_LIMIT. */
  async issue(request: TokenRequest): Promise<{ readonly token: TokenRecord; readonly text: string }> {
    checkGrants(request.bound);
    if (!(request.lifeMs > 0 && request.lifeMs <= LIMITS.tokenLifeMaxMs.value)) {
      throw new CausewayError('CW_USAGE', 'a token lives for 366 days at most');
    }
    const { random, clock } = this.#ports;
    const { id, hash, text } = issueSecret(random, 'cwt');
    const nowMs = clock.wallMs();
    const token: TokenRecord = {
      id,
      hash,
      userId: request.userId,
      label: request.label.slice(0, LABEL_CHARACTERS_MAX),
      bound: [...request.bound],
      createdAtMs: nowMs,
      expiresAtMs: nowMs + request.lifeMs,
      lastUsedAtMs: null,
    };
    await this.#users.change(request.userId, (state) => withToken(state, token, nowMs));
    return { token, text };
  }

  /** The tokens of one user, or all, with the time of their last use. */
  list(userId?: string): TokenRecord[] {
    return this.#document.state.tokens
      .filter((token) => userId === undefined || token.userId === userId)
      .map((token) => ({
        ...token,
        lastUsedAtMs: this.#uses.latest(token.id, token.lastUsedAtMs ?? 0) || null,
      }));
  }

  /** The token with this text, unless it has expired; null for any other text. Notes that it was used. */
  find(text: string): TokenRecord | null {
    const shown = readSecret('cwt', text);
    const token = shown && this.#document.state.tokens.find((one) => one.id === shown.id);
    const nowMs = this.#ports.clock.wallMs();
    if (!shown || !token || !isSameSecret(this.#ports.crypto, shown, token)) return null;
    if (nowMs >= token.expiresAtMs) return null;
    this.#uses.note(token.id, nowMs);
    return token;
  }

  /** It works no longer, at once. CW_TOKEN_UNKNOWN. */
  async revoke(tokenId: string): Promise<void> {
    const token = this.#document.state.tokens.find((one) => one.id === tokenId);
    const unknown = () => new CausewayError('CW_TOKEN_UNKNOWN', `there is no token ${tokenId}`);
    if (token === undefined) throw unknown();
    await this.#users.change(token.userId, (state) => {
      const tokens = state.tokens.filter((one) => one.id !== tokenId);
      if (tokens.length === state.tokens.length) throw unknown();
      return { ...state, tokens };
    });
  }

  /** Stores the times of last use that are stale, and forgets expired tokens. Call it now and then, and at the end. */
  async flush(): Promise<void> {
    const nowMs = this.#ports.clock.wallMs();
    await this.#document.change((state) => {
      const alive = state.tokens.filter((token) => nowMs < token.expiresAtMs);
      this.#uses.keepOnly(new Set(alive.map((token) => token.id)));
      const isSame = alive.length === state.tokens.length;
      if (isSame && !alive.some((token) => this.#uses.isStale(token.id, token.lastUsedAtMs))) {
        return [state, undefined];
      }
      const tokens = alive.map((token) => ({
        ...token,
        lastUsedAtMs: this.#uses.latest(token.id, token.lastUsedAtMs ?? 0) || null,
      }));
      return [{ ...state, tokens }, undefined];
    });
  }
}

function withToken(state: UserState, token: TokenRecord, nowMs: number): UserState {
  userIn(state, token.userId);
  const alive = state.tokens.filter((one) => nowMs < one.expiresAtMs);
  if (alive.length >= LIMITS.tokensMax.value) {
    throw new CausewayError('CW_LIMIT', `there are ${LIMITS.tokensMax.value} tokens already`);
  }
  return { ...state, tokens: [...alive, token] };
}
