import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseName } from '../../base/path.ts';
import type { Dir } from '../../world/disk.ts';
import type { TlsIdentity } from '../../world/net.ts';
import type { World } from '../../world/world.ts';
import { keyName } from './handshake.ts';
import { FILE_NAME, loadKeyFile, parseIdentity } from './identity_store.ts';
import { StateFile } from './state_file.ts';
import { field, type StateObject } from './state_json.ts';

/** A key that this device has changed, and still shows to who knows no other. */
export interface FormerKey {
  readonly identity: TlsIdentity;
  readonly retiredAtMs: number;
}

type KeysWorld = Pick<World, 'identities' | 'process' | 'clock'>;

interface Kept {
  readonly current: TlsIdentity;
  /** The first key of this device: what is named after it keeps its name. */
  readonly deviceId: string;
  readonly former: readonly FormerKey[];
}

const NEXT_FILE_NAME = 'identity-next.json';

/**
 * The keys of this device, in `identity.json` (mode 0600). All of them are in that one file, which is replaced whole: a
 * change of the key is done or not. A key that is made and not yet used lies in `identity-next.json`.
 */
export class OwnKeys {
  readonly #world: KeysWorld;
  readonly #dir: Dir | null;
  readonly #file: StateFile | null;
  readonly #nextFile: StateFile | null;
  #kept: Kept;
  #next: TlsIdentity | null;
  #changes: Promise<unknown> = Promise.resolve();

  private constructor(world: KeysWorld, files: { dir: Dir; dirPath: string } | null, kept: Kept) {
    this.#world = world;
    this.#dir = files?.dir ?? null;
    this.#file = files && new StateFile(files.dir, files.dirPath, FILE_NAME);
    this.#nextFile = files && new StateFile(files.dir, files.dirPath, NEXT_FILE_NAME);
    this.#kept = kept;
    this.#next = null;
  }

  /** As {@link loadIdentity}: made at the first start. CW_DAEMON_STATE. */
  static async open(world: KeysWorld, dir: Dir, dirPath: string): Promise<OwnKeys> {
    const { identity, body } = await loadKeyFile(world, dir, dirPath);
    const deviceId = typeof body['deviceId'] === 'string' ? body['deviceId'] : identity.fingerprint;
    const former = formerOf(body, `${dirPath}/${FILE_NAME}`);
    const keys = new OwnKeys(world, { dir, dirPath }, { current: identity, deviceId, former });
    const staged = await keys.#nextFile?.read();
    if (staged) keys.#next = parseIdentity(staged.body, NEXT_FILE_NAME);
    return keys;
  }

  /** A key that cannot be changed. */
  static fixed(world: KeysWorld, identity: TlsIdentity): OwnKeys {
    return new OwnKeys(world, null, { current: identity, deviceId: identity.fingerprint, former: [] });
  }

  get current(): TlsIdentity {
    return this.#kept.current;
  }

  get deviceId(): string {
    return this.#kept.deviceId;
  }

  /** Those that may still be shown, the latest first. */
  get former(): readonly FormerKey[] {
    const nowMs = this.#world.clock.wallMs();
    return this.#kept.former.filter(({ retiredAtMs }) => nowMs < expiryOf(retiredAtMs));
  }

  /** When a former key is shown no more, ms since 1970 UTC; null for the current one and for one that is gone. */
  untilMs(fingerprint: string): number | null {
    const former = this.former.find(({ identity }) => identity.fingerprint === fingerprint);
    return former === undefined ? null : expiryOf(former.retiredAtMs);
  }

  /** The key with that fingerprint; the current one where it is gone, or none is named. */
  of(fingerprint: string | null | undefined): TlsIdentity {
    return this.#all().find((identity) => identity.fingerprint === fingerprint) ?? this.current;
  }

  /** The key that a peer asks for, see {@link keyName}. */
  named(name: string): TlsIdentity | null {
    return this.#all().find(({ fingerprint }) => keyName(fingerprint) === name) ?? null;
  }

  /** Makes a key that {@link use} can take; durable when it resolves. One that was made before is forgotten. */
  prepare(): Promise<TlsIdentity> {
    return this.#inTurn(async () => {
      const next = await this.#make();
      await this.#files().next.write(next);
      this.#next = next;
      return next;
    });
  }

  /** Changes to the key that {@link prepare} made; the present one is gone. False where no such key was made. */
  use(fingerprint: string): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.current.fingerprint === fingerprint) return true;
      const next = this.#next;
      if (next === null || next.fingerprint !== fingerprint) return false;
      await this.#save({ ...this.#kept, current: next });
      this.#next = null;
      await this.#dropNext();
      return true;
    });
  }

  /**
   * Changes to a new key and keeps the present one for `LIMITS.formerKeyMs`; durable when it resolves. CW_LIMIT where
   * `LIMITS.formerKeysMax` are kept.
   */
  rotate(): Promise<void> {
    return this.#inTurn(() => this.#rotate());
  }

  /** Former keys that nobody needs any more are gone; durable when it resolves. */
  forget(isNeeded: (fingerprint: string) => boolean): Promise<void> {
    return this.#inTurn(async () => {
      const former = this.former.filter(({ identity }) => isNeeded(identity.fingerprint));
      if (former.length < this.#kept.former.length) await this.#save({ ...this.#kept, former });
    });
  }

  async #rotate(): Promise<void> {
    const { former } = this;
    if (former.length >= LIMITS.formerKeysMax.value)
      throw new CausewayError(
        'CW_LIMIT',
        `${former.length} former keys are kept for machines that know no other`,
      );
    const current = await this.#make();
    const retiredAtMs = Math.floor(this.#world.clock.wallMs());
    await this.#save({
      ...this.#kept,
      current,
      former: [{ identity: this.current, retiredAtMs }, ...former],
    });
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#changes.then(change);
    this.#changes = turn.catch(() => undefined); // its caller learns of the failure
    return turn;
  }

  #all(): TlsIdentity[] {
    return [this.current, ...this.former.map(({ identity }) => identity)];
  }

  #make(): Promise<TlsIdentity> {
    return this.#world.identities.create(`causeway ${this.#world.process.info.hostName}`);
  }

  async #save(kept: Kept): Promise<void> {
    const former = kept.former.map(({ identity, retiredAtMs }) => ({ ...identity, retiredAtMs }));
    await this.#files().file.write({ ...kept.current, deviceId: kept.deviceId, former });
    this.#kept = kept;
  }

  async #dropNext(): Promise<void> {
    try {
      await this.#dir?.removeFile(parseName(NEXT_FILE_NAME));
    } catch {
      // the change is done: what is left is a copy of the key that is used, and the next change replaces it
    }
  }

  #files(): { readonly file: StateFile; readonly next: StateFile } {
    if (this.#file === null || this.#nextFile === null)
      throw new CausewayError('CW_INTERNAL', 'a key that was given cannot be changed');
    return { file: this.#file, next: this.#nextFile };
  }
}

function expiryOf(retiredAtMs: number): number {
  return retiredAtMs + LIMITS.formerKeyMs.value;
}

function formerOf(body: StateObject, description: string): FormerKey[] {
  const list = body['former'];
  if (!Array.isArray(list)) return [];
  return (list as StateObject[]).map((entry) => ({
    identity: parseIdentity(entry, description),
    retiredAtMs: field(entry, 'retiredAtMs', 'number', description),
  }));
}
