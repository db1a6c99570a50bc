import type { Database } from '../world/database.ts';
import { type Migration, migrate } from './migrations.ts';

/** File name of the database in the data directory. */
export const STATE_FILE_NAME = 'state.db';

/** Layout of the database, from its first version on. */
export const STATE_MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'jobs',
    statements: [
      `CREATE TABLE jobs (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        vm TEXT NOT NULL,
        state TEXT NOT NULL,
        ended INTEGER NOT NULL,
        created_at_ms INTEGER NOT NULL,
        wish TEXT,
        started INTEGER NOT NULL,
        retries_used INTEGER NOT NULL,
        not_before_ms INTEGER,
        request TEXT NOT NULL,
        view TEXT NOT NULL
      ) STRICT`,
      'CREATE INDEX jobs_by_end ON jobs (ended, sequence)',
      'CREATE INDEX jobs_by_state ON jobs (state, sequence)',
      'CREATE INDEX jobs_by_vm ON jobs (vm, sequence)',
    ],
  },
  {
    number: 2,
    name: 'shares',
    statements: ['CREATE TABLE shares (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT'],
  },
  {
    number: 3,
    name: 'answers',
    statements: [
      `CREATE TABLE answers (
        owner TEXT NOT NULL,
        key TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        call TEXT NOT NULL,
        answer TEXT,
        PRIMARY KEY (owner, key)
      ) STRICT`,
      'CREATE INDEX answers_by_age ON answers (created_at_ms)',
    ],
  },
  {
    number: 4,
    name: 'notifiers',
    statements: ['CREATE TABLE notifiers (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT'],
  },
];

/** Brings the daemon's database to the newest layout. CW_DAEMON_STATE, CW_DISK_*. */
export function migrateState(database: Database, nowWallMs: number): Promise<void> {
  return migrate(database, STATE_MIGRATIONS, nowWallMs);
}
