import type { Vault } from '../access/keys/vault.ts';
import { fromUtf8, utf8 } from '../base/bytes.ts';
import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { AnswerPlace, AnswerStore, KeptCall, ReservedCall } from '../service/ports.ts';
import type { Clock } from '../world/clock.ts';
import type { Database } from '../world/database.ts';

const RESERVE = `INSERT INTO answers (owner, key, created_at_ms, call, answer) VALUES (?, ?, ?, ?, NULL)
  ON CONFLICT (owner, key) DO UPDATE SET created_at_ms = excluded.created_at_ms, call = excluded.call, answer = NULL`;
const FORGET_SURPLUS = `DELETE FROM answers WHERE owner = ?1 AND rowid NOT IN
  (SELECT rowid FROM answers WHERE owner = ?1 ORDER BY created_at_ms DESC, rowid DESC LIMIT ?2)`;

/**
 * Calls with a key and their answers, in the table `answers`. Both are sealed: they may tell tokens, links and
 * passwords.
 */
export class SqlAnswerStore implements AnswerStore {
  readonly #database: Database;
  readonly #vault: Vault;
  readonly #clock: Pick<Clock, 'wallMs'>;

  constructor(database: Database, vault: Vault, clock: Pick<Clock, 'wallMs'>) {
    this.#database = database;
    this.#vault = vault;
    this.#clock = clock;
  }

  async find(place: AnswerPlace): Promise<KeptCall | null> {
    const [row] = await this.#database.read({
      sql: 'SELECT call, answer FROM answers WHERE owner = ? AND key = ? AND created_at_ms > ?',
      values: [place.owner, place.key, this.#oldestMs()],
    });
    if (row === undefined) return null;
    const call = this.#open(place, 'call', String(row['call']));
    if (call === null) return null;
    const answer = row['answer'] === null ? null : this.#open(place, 'answer', String(row['answer']));
    return { ...(JSON.parse(call) as ReservedCall), answer };
  }

  async reserve(place: AnswerPlace, call: ReservedCall): Promise<void> {
    const { owner, key } = place;
    const sealed = this.#seal(place, 'call', JSON.stringify(call));
    const values = [owner, key, Math.floor(this.#clock.wallMs()), sealed];
    await this.#database.write([
      { sql: 'DELETE FROM answers WHERE created_at_ms <= ?', values: [this.#oldestMs()] },
      { sql: RESERVE, values },
      { sql: FORGET_SURPLUS, values: [owner, LIMITS.idempotencyKeysMax.value] },
    ]);
  }

  async keep(place: AnswerPlace, answer: string): Promise<void> {
    const sealed = this.#seal(place, 'answer', answer);
    const sql = 'UPDATE answers SET answer = ? WHERE owner = ? AND key = ?';
    await this.#database.write([{ sql, values: [sealed, place.owner, place.key] }]);
  }

  async forget({ owner, key }: AnswerPlace): Promise<void> {
    const sql = 'DELETE FROM answers WHERE owner = ? AND key = ?';
    await this.#database.write([{ sql, values: [owner, key] }]);
  }

  #oldestMs(): number {
    return Math.floor(this.#clock.wallMs()) - LIMITS.idempotencyKeepMs.value;
  }

  #seal(place: AnswerPlace, part: string, text: string): string {
    return this.#vault.seal(purposeOf(place, part), utf8(text));
  }

  /** Null where the master key of then is gone: the call counts as one that was never made. */
  #open(place: AnswerPlace, part: string, sealed: string): string | null {
    try {
      return fromUtf8(this.#vault.open(purposeOf(place, part), sealed));
    } catch (failure) {
      if (asCausewayError(failure).code === 'CW_KEY_WRONG') return null;
      throw failure;
    }
  }
}

function purposeOf({ owner, key }: AnswerPlace, part: string): string {
  return `${part} of ${owner} ${key}`;
}
