/**
 * Runs in its own thread, because SQLite calls block and a commit waits for the disk. Given as text, so that it works
 * inside a bundle and a single executable as well. Gets the path as its data; answers the calls one after the other.
 */
export const DATABASE_THREAD = `
process.emitWarning = () => undefined;
const { parentPort, workerData } = require('node:worker_threads');
const { closeSync, openSync } = require('node:fs');
const { DatabaseSync } = require('node:sqlite');
let database;
const prepared = new Map();
const prepare = (sql) => {
  let statement = prepared.get(sql);
  if (statement === undefined) {
    statement = database.prepare(sql);
    prepared.set(sql, statement);
  }
  return statement;
};
const actions = {
  open({ path, busyTimeoutMs }) {
    closeSync(openSync(path, 'a', 0o600));
    database = new DatabaseSync(path, { timeout: busyTimeoutMs });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    const [answer] = database.prepare('PRAGMA quick_check(1)').all();
    if (answer.quick_check !== 'ok')
      throw Object.assign(new Error(answer.quick_check), { errcode: 11 });
  },
  write(statements) {
    database.exec('BEGIN IMMEDIATE');
    try {
      for (const { sql, values = [] } of statements) prepare(sql).run(...values);
      database.exec('COMMIT');
    } catch (failure) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw failure;
    }
  },
  read({ sql, values = [] }) {
    return prepare(sql).all(...values);
  },
  close() {
    database.close();
  },
};
parentPort.on('message', ({ action, argument }) => {
  try {
    parentPort.postMessage({ result: actions[action](argument) });
  } catch ({ code, errcode, message }) {
    parentPort.postMessage({ failure: { code, errcode, message } });
  }
  if (action === 'close') parentPort.close();
});
`;
