import { fromHex, toHex } from '../../base/bytes.ts';
import { StateFile } from '../../config/state_file.ts';
import type { DialTrust } from '../../link/session/trust.ts';
import type { TrustStore } from '../../link/session/trust_store.ts';
import type { PairingToken } from '../../wire/token.ts';
import type { Dir } from '../../world/disk.ts';

/** What an agent remembers of the keys of its host. */
export interface HostPins {
  /** Trusts `next` beside `host` until it was seen; durable when it resolves. False where `host` is not trusted. */
  follow(host: string, next: string): Promise<boolean>;
  /** The host has proven this key. */
  seen(host: string): Promise<void>;
  /** Other hosts than that one trust the key of this agent as well. */
  isSharedBy(host: string): boolean;
}

/** Of an agent that is dialled. */
export function storedHostPins(store: TrustStore): HostPins {
  return {
    follow: (host, next) => store.follow(host, next),
    seen: (host) => store.seen(host),
    isSharedBy: (host) => store.list().some(({ name }) => name !== store.find(host)?.name),
  };
}

interface StoredHost {
  readonly fingerprint: string;
  readonly pairingSecret: string | null;
  readonly nextFingerprint?: string;
}

const HOST_FILE = 'host.json';

/** The host that an agent dials, in `host.json` of its data directory: the key that its token named, and what follows. */
export class HostFile implements HostPins {
  readonly #file: StateFile;
  #stored: StoredHost | null;

  private constructor(file: StateFile, stored: StoredHost | null) {
    this.#file = file;
    this.#stored = stored;
  }

  /** CW_DAEMON_STATE where the file is damaged. */
  static async open(dir: Dir, dirPath: string): Promise<HostFile> {
    const file = new StateFile(dir, dirPath, HOST_FILE);
    return new HostFile(file, ((await file.read())?.body as StoredHost | undefined) ?? null);
  }

  /** Forgets the host before. */
  pair({ fingerprint, secret }: PairingToken): Promise<void> {
    return this.#save({ fingerprint, pairingSecret: toHex(secret) });
  }

  /** Null where this agent was never paired. */
  trust(): DialTrust | null {
    if (this.#stored === null) return null;
    const { fingerprint, pairingSecret } = this.#stored;
    if (pairingSecret === null) return { kind: 'pinned', fingerprint };
    return { kind: 'pinned', fingerprint, pairingSecret: fromHex(pairingSecret) };
  }

  get next(): string | null {
    return this.#stored?.nextFingerprint ?? null;
  }

  async follow(host: string, next: string): Promise<boolean> {
    const { fingerprint } = this.#stored ?? {};
    if (fingerprint === undefined || (fingerprint !== host && this.next !== host)) return false;
    await this.#save({ fingerprint: host, pairingSecret: null, nextFingerprint: next });
    return true;
  }

  /** A secret works once: what is left of it would only be something to steal. */
  async seen(host: string): Promise<void> {
    const { fingerprint, pairingSecret } = this.#stored ?? {};
    const isNext = this.next === host;
    if (!isNext && (fingerprint !== host || pairingSecret === null)) return;
    const next = this.next === null || isNext ? {} : { nextFingerprint: this.next };
    await this.#save({ fingerprint: host, pairingSecret: null, ...next });
  }

  isSharedBy(): boolean {
    return false;
  }

  async #save(stored: StoredHost): Promise<void> {
    await this.#file.write(stored);
    this.#stored = stored;
  }
}
