import { fromHex, toHex } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { StateFile } from '../../config/state_file.ts';
import { field, fieldList, type StateObject } from '../../config/state_json.ts';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES } from '../../world/cryptography.ts';
import type { Dir } from '../../world/disk.ts';
import type { ProcessInfo } from '../../world/process.ts';
import type { AccessPorts } from '../ports.ts';
import { keyIdOf, openText, sealText } from './sealed_text.ts';
import type { Vault } from './vault.ts';

interface MasterKey {
  readonly id: string;
  readonly key: Uint8Array;
  readonly createdAtMs: number;
}

const FILE_NAME = 'master-keys.json';
const ID_BYTES = 8;
const OTHERS_BITS = 0o077;

/** The master keys of a data directory, in `master-keys.json` (mode 0600); the last one seals. */
export class MasterKeys implements Vault {
  readonly #ports: AccessPorts;
  readonly #file: StateFile;
  #keys: readonly MasterKey[];

  private constructor(ports: AccessPorts, file: StateFile, keys: readonly MasterKey[]) {
    this.#ports = ports;
    this.#file = file;
    this.#keys = keys;
  }

  /**
   * Reads the keys, and makes the first one in a new data directory. CW_DAEMON_STATE where the file is damaged or
   * other users can read it (where `platform` has mode bits).
   */
  static async open(
    ports: AccessPorts,
    dir: Dir,
    dirPath: string,
    platform: ProcessInfo['platform'],
  ): Promise<MasterKeys> {
    const file = new StateFile(dir, dirPath, FILE_NAME);
    const stored = await file.read();
    if (stored === null) {
      const created = new MasterKeys(ports, file, []);
      await created.rotate();
      return created;
    }
    if (platform !== 'win32' && (stored.mode & OTHERS_BITS) !== 0) {
      throw new CausewayError(
        'CW_DAEMON_STATE',
        `${file.description} holds the master keys and other users can read it (mode ${stored.mode.toString(8)}): set it to 600`,
      );
    }
    return new MasterKeys(ports, file, parseKeys(stored.body, file.description));
  }

  seal(purpose: string, secret: Uint8Array): string {
    const nonce = this.#ports.random.bytes(AEAD_NONCE_BYTES);
    return sealText(this.#ports.crypto.aead, this.#current, nonce, purpose, secret);
  }

  open(purpose: string, sealed: string): Uint8Array {
    const key = this.#keys.find((one) => one.id === keyIdOf(sealed));
    if (key === undefined) {
      throw new CausewayError('CW_KEY_WRONG', `the master key of the secret for ${purpose} is not there`);
    }
    const secret = openText(this.#ports.crypto.aead, key, purpose, sealed);
    if (secret === null) throw new CausewayError('CW_KEY_WRONG', `the secret for ${purpose} was changed`);
    return secret;
  }

  isCurrent(sealed: string): boolean {
    return keyIdOf(sealed) === this.#current.id;
  }

  /** Makes a new master key; durable when it resolves. The older ones still open what they sealed. */
  async rotate(): Promise<void> {
    const { random, clock } = this.#ports;
    const id = toHex(random.bytes(ID_BYTES));
    await this.#save([...this.#keys, { id, key: random.bytes(AEAD_KEY_BYTES), createdAtMs: clock.wallMs() }]);
  }

  /** Forgets all but the newest: call it when every secret is sealed with that one. */
  forgetOlder(): Promise<void> {
    return this.#save([this.#current]);
  }

  get #current(): MasterKey {
    return this.#keys.at(-1) as MasterKey;
  }

  async #save(keys: readonly MasterKey[]): Promise<void> {
    const stored = keys.map(({ id, key, createdAtMs }) => ({ id, key: toHex(key), createdAtMs }));
    await this.#file.write({ keys: stored });
    this.#keys = keys;
  }
}

function parseKeys(body: StateObject, description: string): MasterKey[] {
  const keys = fieldList(body, 'keys', description).map((entry) => ({
    id: field(entry, 'id', 'string', description),
    key: fromHex(field(entry, 'key', 'string', description)),
    createdAtMs: field(entry, 'createdAtMs', 'number', description),
  }));
  if (keys.length === 0 || keys.some((one) => one.key.byteLength !== AEAD_KEY_BYTES)) {
    throw new CausewayError('CW_DAEMON_STATE', `${description} holds no key, or one of a wrong length`);
  }
  return keys;
}
