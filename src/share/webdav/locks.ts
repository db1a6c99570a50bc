import { toHex } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import type { RelPath } from '../../base/path.ts';
import type { LockMode } from '../../tree/files/range_locks.ts';
import type { Clock, Random } from '../../world/clock.ts';
import { DavFailure } from './failure.ts';

export interface DavLock {
  /** `urn:uuid:…` */
  readonly token: string;
  readonly path: RelPath;
  /** Of a folder: everything below it too. */
  readonly isDeep: boolean;
  readonly mode: LockMode;
  readonly user: string;
  /** What the client says of itself, as XML. */
  readonly ownerXml: string;
  readonly timeoutMs: number;
  readonly endsAtMs: number;
}

export type NewLock = Pick<DavLock, 'path' | 'isDeep' | 'mode' | 'user' | 'ownerXml' | 'timeoutMs'>;

/** The write locks of one share (RFC 4918 section 6). They end with their time, with their resource, and with the daemon. */
export class DavLocks {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #random: Pick<Random, 'bytes'>;
  readonly #byToken = new Map<string, DavLock>();

  constructor(clock: Pick<Clock, 'monotonicMs'>, random: Pick<Random, 'bytes'>) {
    this.#clock = clock;
    this.#random = random;
  }

  get size(): number {
    this.#expire();
    return this.#byToken.size;
  }

  /** 423 where another lock is in the way, naming its root. */
  add(wanted: NewLock): DavLock {
    this.#expire();
    const others = [...this.#byToken.values()].filter(
      (held) => covers(held, wanted.path) || (wanted.isDeep && isBelow(held.path, wanted.path)),
    );
    const inTheWay = others.find(({ mode }) => mode === 'exclusive' || wanted.mode === 'exclusive');
    if (inTheWay !== undefined)
      throw new DavFailure(423, 'somebody has locked this', { condition: 'no-conflicting-lock' });
    if (this.#byToken.size >= LIMITS.davLocksMax.value) throw new DavFailure(507, 'there are too many locks');
    const lock = {
      ...wanted,
      token: this.#newToken(),
      endsAtMs: this.#clock.monotonicMs() + wanted.timeoutMs,
    };
    this.#byToken.set(lock.token, lock);
    return lock;
  }

  /** Null where there is no such lock on that place. */
  refresh(token: string, path: RelPath, timeoutMs: number): DavLock | null {
    const held = this.find(token);
    if (held === null || !covers(held, path)) return null;
    const renewed = { ...held, timeoutMs, endsAtMs: this.#clock.monotonicMs() + timeoutMs };
    this.#byToken.set(token, renewed);
    return renewed;
  }

  find(token: string): DavLock | null {
    this.#expire();
    return this.#byToken.get(token) ?? null;
  }

  remove(token: string): void {
    this.#byToken.delete(token);
  }

  /** Locks whose root is the place or lies below it: the resources are gone. */
  removeBelow(path: RelPath): void {
    for (const lock of [...this.#byToken.values()])
      if (lock.path === path || isBelow(lock.path, path)) this.#byToken.delete(lock.token);
  }

  /** The locks that hold for a place, and with `deep` for anything below it. */
  on(path: RelPath, deep = false): DavLock[] {
    if (this.#byToken.size === 0) return [];
    this.#expire();
    return [...this.#byToken.values()].filter(
      (held) => covers(held, path) || (deep && isBelow(held.path, path)),
    );
  }

  secondsLeft({ endsAtMs }: DavLock): number {
    return Math.max(0, Math.ceil((endsAtMs - this.#clock.monotonicMs()) / 1_000));
  }

  #expire(): void {
    const now = this.#clock.monotonicMs();
    for (const lock of [...this.#byToken.values()])
      if (lock.endsAtMs <= now) this.#byToken.delete(lock.token);
  }

  /** A UUID of version 4 (RFC 9562). */
  #newToken(): string {
    const bytes = this.#random.bytes(16);
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    const hex = toHex(bytes);
    const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
    return `urn:uuid:${groups.join('-')}`;
  }
}

export function covers(lock: DavLock, path: RelPath): boolean {
  return lock.path === path || (lock.isDeep && isBelow(path, lock.path));
}

function isBelow(path: RelPath, folder: RelPath): boolean {
  return folder === '' ? path !== '' : path.startsWith(`${folder}/`);
}

/** `Second-600, Infinite`: the first that can be read, within the limits. */
export function timeoutOf(header: string | null): number {
  for (const part of (header ?? '').split(',')) {
    const text = part.trim().toLowerCase();
    if (text === 'infinite') return LIMITS.davLockMaxMs.value;
    const seconds = /^second-(\d{1,10})$/.exec(text)?.[1];
    if (seconds !== undefined) return Math.min(Number(seconds) * 1_000, LIMITS.davLockMaxMs.value);
  }
  return LIMITS.davLockDefaultMs.value;
}
