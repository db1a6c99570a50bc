import { LoginGuard } from '../access/guard/login_guard.ts';
import type { Identity } from '../access/identity.ts';
import type { Passwords } from '../access/passwords/passwords.ts';
import { decide } from '../access/rights/decide.ts';
import { NOBODY, type Principal } from '../access/rights/principal.ts';
import { concat, fromUtf8, toHex, utf8 } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { hashBytes } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import type { HttpRequest } from '../world/http.ts';
import type { World } from '../world/world.ts';
import type { StoredShare } from './share_store.ts';

/** Who uses a share, and how. */
export interface ShareUser {
  /** As records name it. */
  readonly principal: Principal;
  readonly name: string;
  readonly mayWrite: boolean;
}

export interface SignInParts {
  readonly world: Pick<World, 'clock' | 'random'>;
  readonly passwords: Passwords;
  readonly identity: Pick<Identity, 'byToken' | 'users'>;
}

/**
 * Decides who may use a share, anew at each request: the share's own name and password, or a user that the share names
 * with one of the user's access tokens as the password (or as a bearer token).
 */
export class ShareSignIn {
  readonly #parts: SignInParts;
  readonly #guard: LoginGuard;
  /** A password is worth a second of work; that it was right is remembered for a while, under a key that nobody else has. */
  readonly #key: Uint8Array;
  readonly #known = new Map<string, number>();

  constructor(parts: SignInParts) {
    this.#parts = parts;
    this.#guard = new LoginGuard(parts.world.clock);
    this.#key = parts.world.random.bytes(32);
  }

  /** Null for no, wrong or withdrawn credentials. CW_AUTH_LOCKED, CW_AUTH_BUSY. */
  async userOf(share: StoredShare, request: HttpRequest): Promise<ShareUser | null> {
    const given = credentialsOf(request.header('authorization'));
    if (given === null) return null;
    if (this.#isKnown(share, given)) return ownerOf(share);
    const attempt = this.#guard.begin(`${share.name}/${given.name}`, request.address);
    const user =
      given.name === share.name
        ? await this.#byPassword(share, given.secret)
        : this.#byToken(share, given, request);
    if (user !== null) attempt.succeeded();
    return user;
  }

  async #byPassword(share: StoredShare, secret: string): Promise<ShareUser | null> {
    const { matches } = await this.#parts.passwords.check(secret, share.passwordHash);
    if (!matches) return null;
    if (this.#known.size >= LIMITS.shareSignInsKnownMax.value) this.#known.clear();
    const { clock } = this.#parts.world;
    this.#known.set(this.#mark(share, secret), clock.monotonicMs() + LIMITS.shareSignInKnownMs.value);
    return ownerOf(share);
  }

  #isKnown(share: StoredShare, { name, secret }: Credentials): boolean {
    if (name !== share.name) return false;
    const untilMs = this.#known.get(this.#mark(share, secret));
    return untilMs !== undefined && this.#parts.world.clock.monotonicMs() < untilMs;
  }

  /**
   * The hash of the share is in it: a new password, or a new share of that name, is another one. BLAKE3 behind a key of its
   * own length: nothing can be added to what was hashed.
   */
  #mark(share: StoredShare, secret: string): string {
    return toHex(hashBytes(concat([this.#key, utf8(`${share.passwordHash}\0${secret}`)])));
  }

  #byToken(share: StoredShare, { name, secret }: Credentials, { address }: HttpRequest): ShareUser | null {
    const principal = this.#parts.identity.byToken(secret);
    if (principal === null) return null;
    const user = this.#parts.identity.users.get(principal.userId).name;
    if ((name !== '' && name !== user) || !share.users.includes(user)) return null;
    const resources = [{ kind: 'path', vm: null, path: share.source }] as const;
    const now = { nowMs: this.#parts.world.clock.wallMs(), address };
    if (!decide(principal, 'share.use', resources, now).allowed) return null;
    return { name: user, principal, mayWrite: decide(principal, 'share.write', resources, now).allowed };
  }
}

/** Who knows the password of the share. */
function ownerOf({ name }: StoredShare): ShareUser {
  return { name, principal: { ...NOBODY, kind: 'share', name }, mayWrite: true };
}

interface Credentials {
  /** Empty with a bearer token. */
  readonly name: string;
  readonly secret: string;
}

/** `Basic` (RFC 7617, UTF-8) or `Bearer` (RFC 6750); null for neither. */
function credentialsOf(header: string | null): Credentials | null {
  const [, scheme = '', value = ''] = /^(basic|bearer)\s+(\S+)\s*$/i.exec(header ?? '') ?? [];
  if (scheme === '') return null;
  if (scheme.toLowerCase() === 'bearer') return { name: '', secret: value };
  const text = fromUtf8(new Uint8Array(Buffer.from(value, 'base64')));
  const cut = text?.indexOf(':') ?? -1;
  return text === null || cut < 0 ? null : { name: text.slice(0, cut), secret: text.slice(cut + 1) };
}

/** 160 random bits in letters that nobody mistakes for each other, in groups. */
export function newSharePassword(random: Pick<World['random'], 'bytes'>): string {
  const letters = [...random.bytes(PASSWORD_LETTERS)]
    .map((byte) => ALPHABET[byte % ALPHABET.length])
    .join('');
  const groups = letters.match(/.{5}/g);
  if (groups === null) throw new CausewayError('CW_INTERNAL', 'a password has letters');
  return groups.join('-');
}

/** 32 of them, so that a byte picks each alike. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const PASSWORD_LETTERS = 30;
