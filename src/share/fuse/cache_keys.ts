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

/** Keys of the caches of a data directory, each sealed, in `cache-keys.json` (mode 0600). */
export class CacheKeys {
  readonly #random: Pick<Random, 'bytes'>;
  readonly #seal: KeySeal;
  readonly #file: StateFile;
  #sealed: Map<string, string> | null = null;

  constructor(
    random: Pick<Random, 'bytes'>,
    seal: KeySeal,
    place: { readonly dir: Dir; readonly path: string },
  ) {
    this.#random = random;
    this.#seal = seal;
    this.#file = new StateFile(place.dir, place.path, FILE_NAME);
  }

  /** The key of a cache; a new one where there is none, or it cannot be read any more: then what it sealed is lost. */
  async keyOf(id: string): Promise<Uint8Array> {
    const all = await this.#read();
    const sealed = all.get(id);
    const known = sealed === undefined ? null : this.#opened(id, sealed);
    if (known !== null) return known;
    const key = this.#random.bytes(AEAD_KEY_BYTES);
    all.set(id, this.#seal.seal(purposeOf(id), key));
    await this.#write(all);
    return key;
  }

  /** The same for what must not be lost: CW_KEY_WRONG where there is one that cannot be read any more. */
  async lastingKeyOf(id: string): Promise<Uint8Array> {
    const sealed = (await this.#read()).get(id);
    if (sealed === undefined) return this.keyOf(id);
    const key = this.#opened(id, sealed);
    if (key === null) throw new CausewayError('CW_KEY_WRONG', `the key of ${purposeOf(id)} cannot be read`);
    return key;
  }

  async ids(): Promise<string[]> {
    return [...(await this.#read()).keys()];
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

  async #read(): Promise<Map<string, string>> {
    if (this.#sealed !== null) return this.#sealed;
    const all = new Map<string, string>();
    const { description } = this.#file;
    const stored = await this.#file.read();
    for (const entry of stored === null ? [] : fieldList(stored.body, 'keys', description))
      all.set(field(entry, 'id', 'string', description), field(entry, 'key', 'string', description));
    this.#sealed ??= all;
    return this.#sealed;
  }

  #write(all: ReadonlyMap<string, string>): Promise<void> {
    return this.#file.write({ keys: [...all].map(([id, key]) => ({ id, key })) });
  }
}

const purposeOf = (id: string) => `cache ${id}`;
