import { CausewayError } from '../../base/errors.ts';
import { StateFile } from '../../config/state_file.ts';
import { field, fieldList } from '../../config/state_json.ts';
import type { Random } from '../../world/clock.ts';
import { AEAD_KEY_BYTES } from '../../world/cryptography.ts';
import type { Dir } from '../../world/disk.ts';

/** How a key is written to a state file. */
export interface KeySeal {
  seal(purpose: string, secret: Uint8Array): string;
  /** CW_KEY_WRONG. */
  open(purpose: string, sealed: string): Uint8Array;
}

const FILE_NAME = 'cache-keys.json';

interface Entry {
  readonly sealed: string;
  /** For whom it is kept; null where that is not known. */
  readonly host: string | null;
}

/** Keys of the caches of a data directory, each sealed, in `cache-keys.json` (mode 0600). */
export class CacheKeys {
  readonly #random: Pick<Random, 'bytes'>;
  readonly #seal: KeySeal;
  readonly #file: StateFile;
  #entries: Map<string, Entry> | null = null;

  constructor(
    random: Pick<Random, 'bytes'>,
    seal: KeySeal,
    place: { readonly dir: Dir; readonly path: string },
  ) {
    this.#random = random;
    this.#seal = seal;
    this.#file = new StateFile(place.dir, place.path, FILE_NAME);
  }

  /**
   * The key of a cache; a new one where there is none, or it cannot be read any more: then what it sealed is lost. From then on
   * it is kept for `host`, where one is given.
   */
  async keyOf(id: string, host: string | null = null): Promise<Uint8Array> {
    const all = await this.#read();
    const entry = all.get(id);
    const known = entry === undefined ? null : this.#opened(id, entry.sealed);
    if (known !== null && (host === null || entry?.host === host)) return known;
    const key = known ?? this.#random.bytes(AEAD_KEY_BYTES);
    const sealed = known !== null && entry !== undefined ? entry.sealed : this.#seal.seal(purposeOf(id), key);
    all.set(id, { sealed, host });
    await this.#write(all);
    return key;
  }

  /** The same for what must not be lost: CW_KEY_WRONG where there is one that cannot be read any more. */
  async lastingKeyOf(id: string, host: string | null = null): Promise<Uint8Array> {
    const entry = (await this.#read()).get(id);
    if (entry !== undefined && this.#opened(id, entry.sealed) === null)
      throw new CausewayError('CW_KEY_WRONG', `the key of ${purposeOf(id)} cannot be read`);
    return this.keyOf(id, host);
  }

  /** Of all keys but those that are kept for another host. */
  async ids(host: string | null = null): Promise<string[]> {
    const all = [...(await this.#read())];
    const isOthers = (entry: Entry) => host !== null && entry.host !== null && entry.host !== host;
    return all.flatMap(([id, entry]) => (isOthers(entry) ? [] : [id]));
  }

  /** What was sealed with it can never be read again once this has resolved. */
  async destroy(id: string): Promise<void> {
    const all = await this.#read();
    if (all.delete(id)) await this.#write(all);
  }

  #opened(id: string, sealed: string): Uint8Array | null {
    try {
      const key = this.#seal.open(purposeOf(id), sealed);
      return key.byteLength === AEAD_KEY_BYTES ? key : null;
    } catch (failure) {
      if (failure instanceof CausewayError && failure.code === 'CW_KEY_WRONG') return null;
      throw failure;
    }
  }

  async #read(): Promise<Map<string, Entry>> {
    if (this.#entries !== null) return this.#entries;
    const all = new Map<string, Entry>();
    const { description } = this.#file;
    const stored = await this.#file.read();
    for (const entry of stored === null ? [] : fieldList(stored.body, 'keys', description))
      all.set(field(entry, 'id', 'string', description), {
        sealed: field(entry, 'key', 'string', description),
        host: Object.hasOwn(entry, 'host') ? field(entry, 'host', 'string', description) : null,
      });
    this.#entries ??= all;
    return this.#entries;
  }

  #write(all: ReadonlyMap<string, Entry>): Promise<void> {
    const keys = [...all].map(([id, { sealed, host }]) => ({
      id,
      key: sealed,
      ...(host !== null && { host }),
    }));
    return this.#file.write({ keys });
  }
}

const purposeOf = (id: string) => `cache ${id}`;
