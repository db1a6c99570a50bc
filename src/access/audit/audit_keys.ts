import { concat, fromHex, toHex, utf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { StateFile } from '../../config/state_file.ts';
import { field, fieldList, type StateObject } from '../../config/state_json.ts';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES } from '../../world/cryptography.ts';
import type { Dir } from '../../world/disk.ts';
import type { Vault } from '../keys/vault.ts';
import type { AccessPorts } from '../ports.ts';
import { type HeaderFields, LOG_ID_BYTES } from './layout.ts';

/** A key that wraps the data keys of segments, itself sealed by the vault. */
interface WrappingKey {
  readonly id: string;
  readonly sealed: string;
}

interface KeyState {
  readonly logId: string;
  /** Where a log was begun, its files must be there. */
  readonly begun: boolean;
  /** Sealed; what signs checkpoints and proves the head is derived from it. */
  readonly root: string;
  readonly wrapping: readonly WrappingKey[];
}

/** A fresh data key, as the segment's writer has it and as its header holds it. */
export interface NewDataKey {
  readonly dataKey: Uint8Array;
  readonly wrappingKeyId: string;
  readonly wrappedKey: Uint8Array;
}

export const KEYS_FILE = 'keys.json';
const ID_BYTES = 8;

/**
 * The keys of an audit log, in `keys.json` beside its segments. Each segment has a data key of its own, which its header
 * holds wrapped; the wrapping keys are sealed by the vault. A new master key thus means a new `keys.json`, and no segment
 * is touched.
 */
export class AuditKeys {
  readonly #ports: AccessPorts;
  readonly #vault: Vault;
  readonly #file: StateFile;
  readonly #keysDerived = new Map<string, Uint8Array>();
  #state: KeyState;

  private constructor(ports: AccessPorts, vault: Vault, file: StateFile, state: KeyState) {
    this.#ports = ports;
    this.#vault = vault;
    this.#file = file;
    this.#state = state;
  }

  /** The keys of the log in `dir`; null where there are none. CW_DAEMON_STATE, CW_KEY_WRONG. */
  static async read(ports: AccessPorts, vault: Vault, dir: Dir, dirPath: string): Promise<AuditKeys | null> {
    const file = new StateFile(dir, dirPath, KEYS_FILE);
    const stored = await file.read();
    if (stored === null) return null;
    const keys = new AuditKeys(ports, vault, file, parseState(stored.body, file.description));
    keys.#derived('check'); // a vault that cannot open them is told now, not in the middle of work
    return keys;
  }

  /** New keys for a new log; durable when it resolves. */
  static async create(ports: AccessPorts, vault: Vault, dir: Dir, dirPath: string): Promise<AuditKeys> {
    const { random } = ports;
    const logId = toHex(random.bytes(LOG_ID_BYTES));
    const root = vault.seal(rootPurpose(logId), random.bytes(AEAD_KEY_BYTES));
    const file = new StateFile(dir, dirPath, KEYS_FILE);
    const keys = new AuditKeys(ports, vault, file, { logId, begun: false, root, wrapping: [] });
    await keys.renew();
    return keys;
  }

  get logId(): Uint8Array {
    return fromHex(this.#state.logId);
  }

  get begun(): boolean {
    return this.#state.begun;
  }

  /** From now on a directory without segments is a damaged log, not a new one. */
  async markBegun(): Promise<void> {
    if (!this.#state.begun) await this.#save({ ...this.#state, begun: true });
  }

  /** A new wrapping key for the segments to come. */
  async renew(): Promise<void> {
    const id = toHex(this.#ports.random.bytes(ID_BYTES));
    const sealed = this.#vault.seal(this.#wrapPurpose(id), this.#ports.random.bytes(AEAD_KEY_BYTES));
    await this.#save({ ...this.#state, wrapping: [...this.#state.wrapping, { id, sealed }] });
  }

  /** Seals everything with the newest master key. */
  async rewrap(): Promise<void> {
    const again = (purpose: string, sealed: string): string =>
      this.#vault.isCurrent(sealed) ? sealed : this.#vault.seal(purpose, this.#vault.open(purpose, sealed));
    const { logId, root, wrapping } = this.#state;
    await this.#save({
      ...this.#state,
      root: again(rootPurpose(logId), root),
      wrapping: wrapping.map(({ id, sealed }) => ({ id, sealed: again(this.#wrapPurpose(id), sealed) })),
    });
  }

  newDataKey(segment: number): NewDataKey {
    const { random, crypto } = this.#ports;
    const { id, sealed } = this.#state.wrapping.at(-1) as WrappingKey;
    const wrappingKey = this.#vault.open(this.#wrapPurpose(id), sealed);
    const dataKey = random.bytes(AEAD_KEY_BYTES);
    const nonce = random.bytes(AEAD_NONCE_BYTES);
    const wrapped = crypto.aead.seal(wrappingKey, nonce, dataKey, this.#bound(segment));
    return { dataKey, wrappingKeyId: id, wrappedKey: concat([nonce, wrapped]) };
  }

  /** The data key of a segment; null where its header is not of this log, or was changed. CW_KEY_WRONG. */
  unwrap(fields: HeaderFields): Uint8Array | null {
    const wrapping = this.#state.wrapping.find((one) => one.id === fields.wrappingKeyId);
    if (wrapping === undefined) return null;
    const key = this.#vault.open(this.#wrapPurpose(wrapping.id), wrapping.sealed);
    const nonce = fields.wrappedKey.subarray(0, AEAD_NONCE_BYTES);
    const wrapped = fields.wrappedKey.subarray(AEAD_NONCE_BYTES);
    return this.#ports.crypto.aead.open(key, nonce, wrapped, this.#bound(fields.segment));
  }

  /** What shows that the head was written by the daemon. */
  proveHead(head: Uint8Array): Uint8Array {
    return this.#ports.crypto.hmac('sha256', this.#derived('head'), concat([this.logId, head]));
  }

  sign(message: Uint8Array): Uint8Array {
    return this.#ports.crypto.signatures.sign(this.#derived('signing'), message);
  }

  /** For whoever checks signatures without the master key. */
  get publicKey(): Uint8Array {
    return this.#ports.crypto.signatures.publicKey(this.#derived('signing'));
  }

  #derived(what: string): Uint8Array {
    const known = this.#keysDerived.get(what);
    if (known !== undefined) return known;
    const { logId, root } = this.#state;
    const key = this.#ports.crypto.hmac('sha256', this.#vault.open(rootPurpose(logId), root), utf8(what));
    this.#keysDerived.set(what, key);
    return key;
  }

  #bound(segment: number): Uint8Array {
    return concat([utf8(`audit segment ${segment} `), this.logId]);
  }

  #wrapPurpose(id: string): string {
    return `audit ${this.#state.logId} wrapping key ${id}`;
  }

  async #save(state: KeyState): Promise<void> {
    await this.#file.write({ ...state });
    this.#state = state;
  }
}

function rootPurpose(logId: string): string {
  return `audit ${logId} root`;
}

function parseState(body: StateObject, what: string): KeyState {
  const wrapping = fieldList(body, 'wrapping', what).map((entry) => ({
    id: field(entry, 'id', 'string', what),
    sealed: field(entry, 'sealed', 'string', what),
  }));
  const logId = field(body, 'logId', 'string', what);
  const begun = body['begun'];
  if (wrapping.length === 0 || typeof begun !== 'boolean' || !/^[0-9a-f]{32}$/.test(logId)) {
    throw new CausewayError('CW_DAEMON_STATE', `${what} holds no key, or a log id that is none`);
  }
  return { logId, begun, root: field(body, 'root', 'string', what), wrapping };
}
