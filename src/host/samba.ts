import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { PartView } from '../contract/part_schemas.ts';
import { isSambaName, type SambaShare, sambaFiles, signInLog } from '../share/samba/config.ts';
import { type SmbSignIn, SmbSignIns } from '../share/samba/sign_ins.ts';
import type { SmbPlace, SmbPrograms, SmbServer } from '../world/smb.ts';
import type { World } from '../world/world.ts';
import type { SmbMounts } from './smb_mounts.ts';

/** Where shares are served by SMB. */
export interface SmbListen {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
  /** Nobody has asked for this very port: where it is taken, another one serves. */
  readonly isDefault: boolean;
}

export interface SambaParts {
  readonly clock: World['clock'];
  readonly programs: SmbPrograms;
  /** Absolute path of a folder that is Samba's alone. */
  readonly directory: string;
  /** Null: this daemon serves nothing by SMB. */
  readonly listen: SmbListen | null;
  /** Where it finds the folders of shares. */
  readonly mounts: SmbMounts;
  /** Is told of each sign-in of a client, and of each that was refused. */
  readonly signedIn: (signIn: SmbSignIn) => void;
  /** From where clients may come; none: from everywhere. */
  readonly networks: () => readonly string[];
}

/** One Samba server for the shares of a daemon: there while there is one to serve, started again when it dies. */
export class Samba implements AsyncDisposable {
  readonly #parts: SambaParts;
  #shares: readonly SambaShare[] = [];
  #networks: readonly string[] = [];
  #server: SmbServer | null = null;
  #place: SmbPlace | null = null;
  #failure: CausewayError | null = null;
  /** Why it ended last, or could not start. */
  #lastFailure: CausewayError | null = null;
  #restarts = 0;
  #waitMs: number = LIMITS.smbRestartMinMs.value;
  /** Not started again before. */
  #notBeforeMs = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: SambaParts) {
    this.#parts = parts;
  }

  /** `HOST:PORT`; null while it serves nothing. */
  get address(): { readonly host: string; readonly port: number } | null {
    return this.#server === null ? null : this.#place;
  }

  get mounts(): SmbMounts {
    return this.#parts.mounts;
  }

  /** Why it does not serve what it should; null where it does, and where it has nothing to. */
  get failure(): CausewayError | null {
    return this.#failure;
  }

  /** Null while there is nothing to serve. */
  part(): PartView | null {
    if (this.#shares.length === 0 || this.#parts.listen === null) return null;
    return {
      name: 'samba',
      state: this.#server === null ? 'restarting' : 'running',
      restarts: this.#restarts,
      error: this.#lastFailure?.report() ?? null,
    };
  }

  /** Throws CW_SHARE_SMB where a share of that name cannot be served beside `others`, or none at all. */
  check(name: string, others: readonly string[]): void {
    if (this.#parts.listen === null)
      throw new CausewayError(
        'CW_SHARE_SMB',
        'this daemon serves nothing by SMB (`shares.smbAddress` is off)',
      );
    if (!isSambaName(name, others))
      throw new CausewayError('CW_SHARE_SMB', `${name} cannot be the name of a share that Windows sees`);
    const missing = this.#parts.programs.missing();
    if (missing !== null) throw new CausewayError('CW_SHARE_SMB', missing);
  }

  /** The password of the only user of a share; null takes it away. CW_SHARE_SMB. */
  setPassword(share: SambaShare, password: string | null): Promise<void> {
    return this.#inTurn(async () => {
      const shares = [...this.#shares.filter(({ name }) => name !== share.name), share];
      const place = this.#placeAt(this.#place?.port ?? LIMITS.smbPort.value);
      // the user stands in the files of the server from now on, the share once it is to be served
      const files = { ...sambaFiles(place, shares, this.#networks), config: this.#filesFor(place).config };
      await this.#parts.programs.setPassword(place, files, { name: share.name, password });
    });
  }

  /**
   * Serves these and nothing else. Never throws: what is wrong is told by {@link failure}. Asked again with the same, it
   * starts a server again that has died or did not start, after a wait that doubles.
   */
  serve(shares: readonly SambaShare[]): Promise<void> {
    return this.#inTurn(async () => {
      const networks = this.#parts.networks();
      const before = this.#shares;
      const isNew = !isSame(before, shares) || !isSame(this.#networks, networks);
      if (!isNew && (this.#isAsWished(shares) || this.#parts.clock.monotonicMs() < this.#notBeforeMs)) return;
      this.#shares = shares;
      this.#networks = networks;
      await this.#follow(before);
    });
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      this.#shares = [];
      await this.#stop();
    });
    await this.#parts.mounts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #isAsWished(shares: readonly SambaShare[]): boolean {
    const isWanted = shares.length > 0 && this.#parts.listen !== null;
    return isWanted === (this.#server !== null);
  }

  async #follow(before: readonly SambaShare[]): Promise<void> {
    try {
      const listen = this.#parts.listen;
      if (this.#shares.length === 0 || listen === null) await this.#stop();
      else if (this.#server === null) {
        const isAgain = this.#failure !== null;
        await this.#start(listen);
        if (isAgain) this.#restarts += 1;
      } else {
        const closed = before.filter((old) => !this.#shares.some((share) => isSame(old, share)));
        await this.#server.apply(
          this.#filesFor(this.#placeAt(this.#place!.port)),
          closed.map(({ name }) => name),
        );
      }
      this.#failure = null;
    } catch (failure) {
      this.#fail(asCausewayError(failure));
      this.#waitLonger();
      await this.#stop(); // it might serve what it must not any more
    }
  }

  async #start({ host, port, isDefault }: SmbListen): Promise<void> {
    const { programs, clock } = this.#parts;
    const missing = programs.missing();
    if (missing !== null) throw new CausewayError('CW_SHARE_SMB', missing);
    // clients that are there come back to the port they know
    const free = await programs.freePort(host, this.#place?.port ?? port).catch((failure) => {
      const isAnyPort = isDefault || port === 0;
      if (!isAnyPort || asCausewayError(failure).code !== 'CW_LINK_BUSY') throw failure;
      return programs.freePort(host, 0);
    });
    const place = this.#placeAt(free);
    const startedMs = clock.monotonicMs();
    const signIns = new SmbSignIns(this.#parts.signedIn);
    const log = { path: signInLog(place.directory), take: (bytes: Uint8Array) => signIns.add(bytes) };
    const server = await programs.start(place, this.#filesFor(place), log);
    this.#place = place;
    this.#server = server;
    void server.ended.then((words) => this.#died(server, words, clock.monotonicMs() - startedMs));
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await server?.stop();
  }

  #died(server: SmbServer, words: string, ranMs: number): void {
    if (this.#server !== server) return; // it was told to
    this.#server = null;
    this.#fail(new CausewayError('CW_SHARE_SMB', `Samba has ended: ${words}`));
    if (ranMs > LIMITS.smbRestartMaxMs.value) this.#waitMs = LIMITS.smbRestartMinMs.value;
    this.#waitLonger();
  }

  #fail(failure: CausewayError): void {
    this.#failure = failure;
    this.#lastFailure = failure;
  }

  #waitLonger(): void {
    this.#notBeforeMs = this.#parts.clock.monotonicMs() + this.#waitMs;
    this.#waitMs = Math.min(2 * this.#waitMs, LIMITS.smbRestartMaxMs.value);
  }

  #placeAt(port: number): SmbPlace {
    return { directory: this.#parts.directory, host: this.#parts.listen?.host ?? '127.0.0.1', port };
  }

  #filesFor(place: SmbPlace) {
    return sambaFiles(place, this.#shares, this.#networks);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined); // its caller learns of the failure
    return turn;
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

async function refuse(): Promise<never> {
  throw new CausewayError('CW_SHARE_SMB', 'this daemon serves nothing by SMB');
}

/** Where nothing can be served by SMB. */
export const NO_SMB: SmbPrograms = {
  missing: () => 'this daemon serves nothing by SMB',
  clientOf: () => null,
  freePort: refuse,
  start: refuse,
  setPassword: refuse,
};
