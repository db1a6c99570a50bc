export type SqlValue = null | number | string | Uint8Array;

/** One row by the names of its columns. Whole numbers must fit in ±2^53. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** One statement; `values` fill its `?` in order. */
export interface SqlStatement {
  readonly sql: string;
  readonly values?: readonly SqlValue[];
}

/**
 * A SQLite database in one file. Calls take effect in the order in which they are made, beside the calling thread: a
 * disk that takes long to flush holds up nobody who does not wait for it. Errors: CW_DISK_*, CW_DAEMON_STATE where the
 * file is damaged, CW_LIMIT where too many calls wait, CW_LINK_CLOSED after `close`.
 */
export interface Database extends AsyncDisposable {
  /** Runs all of the statements or none of them, as one transaction that is durable when it resolves. */
  write(statements: readonly SqlStatement[]): Promise<void>;
  read(statement: SqlStatement): Promise<readonly SqlRow[]>;
  /** Waits for the calls made so far. */
  close(): Promise<void>;
}
