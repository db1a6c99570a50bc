import type { Vault } from '../../access/keys/vault.ts';
import { utf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import type { NotifyEventName } from '../../contract/notify_schemas.ts';
import type { Database, SqlRow } from '../../world/database.ts';

/** Where notifications go. All of it may be secret. */
export type NotifyTarget =
  | {
      readonly kind: 'webhook';
      readonly url: string;
      /** Hex. */
      readonly secret: string;
      readonly permit: readonly string[];
    }
  | { readonly kind: 'command'; readonly argv: readonly string[] };

export interface StoredNotifier {
  readonly name: string;
  readonly events: readonly NotifyEventName[];
  readonly createdAtMs: number;
  readonly target: NotifyTarget;
}

const PUT =
  'INSERT INTO notifiers (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body';
const purposeOf = (name: string): string => `notifier ${name}`;

/** The receivers of notifications in the table `notifiers`; their targets are sealed with the master key. */
export class NotifyStore {
  readonly #database: Database;
  readonly #vault: Vault;

  constructor(database: Database, vault: Vault) {
    this.#database = database;
    this.#vault = vault;
  }

  /** Those that were sealed with an older master key are sealed anew. CW_DAEMON_STATE, CW_KEY_WRONG, CW_DISK_*. */
  async all(): Promise<StoredNotifier[]> {
    const rows = await this.#database.read({ sql: 'SELECT name, body FROM notifiers ORDER BY name' });
    const notifiers: StoredNotifier[] = [];
    for (const row of rows) {
      const { notifier, isCurrent } = this.#open(row);
      if (!isCurrent) await this.put(notifier);
      notifiers.push(notifier);
    }
    return notifiers;
  }

  async put({ name, target, ...rest }: StoredNotifier): Promise<void> {
    const sealed = this.#vault.seal(purposeOf(name), utf8(JSON.stringify(target)));
    await this.#database.write([{ sql: PUT, values: [name, JSON.stringify({ ...rest, sealed })] }]);
  }

  async remove(name: string): Promise<void> {
    await this.#database.write([{ sql: 'DELETE FROM notifiers WHERE name = ?', values: [name] }]);
  }

  #open(row: SqlRow): { notifier: StoredNotifier; isCurrent: boolean } {
    const name = String(row['name']);
    let body: Omit<StoredNotifier, 'name' | 'target'> & { sealed: string };
    try {
      body = JSON.parse(String(row['body']));
    } catch (cause) {
      throw new CausewayError('CW_DAEMON_STATE', 'the record of a receiver of notifications is damaged', {
        cause,
      });
    }
    const { sealed, events, createdAtMs } = body;
    const text = new TextDecoder().decode(this.#vault.open(purposeOf(name), sealed));
    const target = JSON.parse(text) as NotifyTarget;
    return { notifier: { name, events, createdAtMs, target }, isCurrent: this.#vault.isCurrent(sealed) };
  }
}
