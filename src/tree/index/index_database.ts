import { CausewayError } from '../../base/errors.ts';
import type { Database } from '../../world/database.ts';
import { SCHEMA, SCHEMA_VERSION } from './index_row.ts';

/** Where the database of an index lies. */
export interface IndexPlace {
  /** Opens it, makes it where it is missing. CW_DAEMON_STATE where it is damaged. */
  open(): Promise<Database>;
  /** Removes its files; nothing has them open. */
  remove(): Promise<void>;
}

/** Afresh so often in one process: then something destroys it again and again, and it is left alone. */
const REBUILDS_MAX = 3;

/**
 * The database of an index, opened at its first use. A damaged one is removed and begun afresh; one that cannot be used at
 * all is done without. Either is told once.
 */
export class IndexDatabase {
  readonly #place: IndexPlace;
  readonly #onTrouble: (what: string) => void;
  readonly #told = new Set<string>();
  #opening: Promise<Database | null> | null = null;
  #rebuilds = 0;
  #closed = false;

  constructor(place: IndexPlace, onTrouble: (what: string) => void) {
    this.#place = place;
    this.#onTrouble = onTrouble;
  }

  /** What `work` gives, done once more after the database turned out to be damaged; null where it cannot be used. */
  async use<T>(work: (database: Database) => Promise<T>): Promise<T | null> {
    for (let again = false; ; again = true) {
      if (this.#closed) return null;
      this.#opening ??= this.#open();
      const opening = this.#opening;
      const database = await opening;
      if (database === null) return null;
      try {
        return await work(database);
      } catch (failure) {
        if (!(failure instanceof CausewayError)) throw failure;
        if (!isDamage(failure)) {
          this.#tell(failure.code, `the index of files is not kept up: ${failure.message}`);
          return null;
        }
        if (this.#opening === opening) this.#opening = this.#rebuild(database, failure);
        if (again) return null;
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const database = await this.#opening;
    await database?.close();
  }

  async #open(): Promise<Database | null> {
    try {
      const database = await this.#place.open();
      try {
        const [version] = await database.read({ sql: 'PRAGMA user_version' });
        const [tables] = await database.read({ sql: 'SELECT count(*) AS n FROM sqlite_schema' });
        if (tables?.['n'] === 0) await database.write(SCHEMA.map((sql) => ({ sql })));
        else if (version?.['user_version'] !== SCHEMA_VERSION)
          throw new CausewayError('CW_DAEMON_STATE', 'it is of another version');
        return database;
      } catch (failure) {
        if (failure instanceof CausewayError && isDamage(failure)) return this.#rebuild(database, failure);
        await database.close();
        throw failure;
      }
    } catch (failure) {
      if (!(failure instanceof CausewayError)) throw failure;
      if (isDamage(failure)) return this.#rebuild(null, failure);
      this.#tell(failure.code, `the index of files cannot be used: ${failure.message}`);
      return null;
    }
  }

  async #rebuild(damaged: Database | null, why: CausewayError): Promise<Database | null> {
    this.#rebuilds += 1;
    if (this.#rebuilds > REBUILDS_MAX) {
      this.#tell('given up', `the index of files is damaged again and again, and not used: ${why.message}`);
      await closeDamaged(damaged);
      return null;
    }
    this.#tell(
      `rebuild ${this.#rebuilds}`,
      `the index of files was damaged and is begun afresh: ${why.message}`,
    );
    await closeDamaged(damaged);
    try {
      await this.#place.remove();
    } catch (failure) {
      if (!(failure instanceof CausewayError)) throw failure;
      this.#tell('remove', `the damaged index of files cannot be removed: ${failure.message}`);
      return null;
    }
    return this.#open();
  }

  #tell(kind: string, what: string): void {
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    this.#onTrouble(what);
  }
}

/** CW_INTERNAL: a statement that fails on a database whose tables are not what they were, or whose thread died. */
function isDamage({ code }: CausewayError): boolean {
  return code === 'CW_DAEMON_STATE' || code === 'CW_INTERNAL';
}

async function closeDamaged(database: Database | null): Promise<void> {
  await database?.close().catch(() => undefined); // it is removed next: what closing fails to write is of no use
}
