import { Worker } from 'node:worker_threads';
import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Database, SqlRow, SqlStatement } from '../database.ts';
import { DATABASE_THREAD } from './database_thread.ts';
import { diskError } from './disk_errors.ts';

interface Call {
  readonly action: 'open' | 'write' | 'read' | 'close';
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: CausewayError) => void;
}

/** What a thread says of a failure: the name of a system error, or SQLite's number. */
interface Failure {
  readonly code?: string;
  readonly errcode?: number;
  readonly message: string;
}

type Answer = { readonly result: unknown } | { readonly failure: Failure };

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). What is not listed is CW_INTERNAL. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  3: 'CW_DISK_PERMISSION', // PERM
  5: 'CW_DISK_BUSY', // BUSY
  6: 'CW_DISK_BUSY', // LOCKED
  8: 'CW_DISK_READ_ONLY', // READONLY
  10: 'CW_DISK_IO', // IOERR
  11: 'CW_DAEMON_STATE', // CORRUPT
  13: 'CW_DISK_FULL', // FULL
  14: 'CW_DISK_PERMISSION', // CANTOPEN
  23: 'CW_DISK_PERMISSION', // AUTH
  26: 'CW_DAEMON_STATE', // NOTADB
};

class ThreadDatabase implements Database {
  readonly #path: string;
  readonly #worker: Worker;
  readonly #gone: Promise<void>;
  /** In the order in which the thread answers. */
  readonly #calls: Call[] = [];
  #closing: Promise<void> | null = null;

  constructor(path: string) {
    this.#path = path;
    this.#worker = new Worker(DATABASE_THREAD, { eval: true, execArgv: [] });
    this.#worker.on('message', (answer: Answer) => this.#answered(answer));
    this.#worker.on('error', (failure: Error) => this.#failAll(failure.message));
    this.#gone = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#failAll('its thread has ended');
        resolve();
      });
    });
  }

  async open(): Promise<void> {
    await this.#call('open', { path: this.#path, busyTimeoutMs: LIMITS.databaseBusyMs.value });
  }

  async write(statements: readonly SqlStatement[]): Promise<void> {
    await this.#callOpen('write', statements);
  }

  async read(statement: SqlStatement): Promise<readonly SqlRow[]> {
    return (await this.#callOpen('read', statement)) as readonly SqlRow[];
  }

  close(): Promise<void> {
    this.#closing ??= this.#call('close', null).then(() => this.#gone);
    return this.#closing;
  }

  /** Ends the thread of a database that did not open. */
  async abandon(): Promise<void> {
    await this.#worker.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #callOpen(action: Call['action'], argument: unknown): Promise<unknown> {
    if (this.#closing !== null)
      return Promise.reject(new CausewayError('CW_LINK_CLOSED', `${this.#path} is closed`));
    if (this.#calls.length >= LIMITS.databaseCallsMax.value)
      return Promise.reject(new CausewayError('CW_LIMIT', `too much waits for ${this.#path}`));
    return this.#call(action, argument);
  }

  #call(action: Call['action'], argument: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ action, resolve, reject });
      this.#worker.postMessage({ action, argument });
    });
  }

  #answered(answer: Answer): void {
    const call = this.#calls.shift();
    if ('failure' in answer) call?.reject(this.#errorOf(call.action, answer.failure));
    else call?.resolve(answer.result);
  }

  #failAll(why: string): void {
    const error = new CausewayError('CW_INTERNAL', `${this.#path}: ${why}`);
    for (const call of this.#calls.splice(0)) call.reject(error);
  }

  #errorOf(action: string, failure: Failure): CausewayError {
    const { code, errcode, message } = failure;
    if (errcode === undefined) return diskError(action, this.#path, { code });
    return new CausewayError(
      CODES[errcode & 0xff] ?? 'CW_INTERNAL',
      `cannot ${action} ${this.#path}: ${message}`,
    );
  }
}

/**
 * Opens the database at `path`, makes it where it is missing (mode 0600), in WAL mode with a full flush at each commit,
 * and checks its structure. CW_DAEMON_STATE where it is damaged, CW_DISK_*.
 */
export async function openNodeDatabase(path: string): Promise<Database> {
  const database = new ThreadDatabase(path);
  try {
    await database.open();
    return database;
  } catch (failure) {
    await database.abandon();
    throw failure;
  }
}
