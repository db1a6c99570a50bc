// A program that uses a SQLite database, for tests: sql_program.ts create FILE | write FILE TRANSACTIONS | check FILE.
import { DatabaseSync } from 'node:sqlite';

const WAIT_MS = 60_000;

const [what, file, times] = process.argv.slice(2) as [string, string, string?];
const database = new DatabaseSync(file, { timeout: WAIT_MS });
if (what === 'create') {
  database.exec(
    'PRAGMA journal_mode = DELETE; CREATE TABLE counts (n INTEGER); CREATE TABLE log (writer, n);',
  );
  database.exec('INSERT INTO counts VALUES (0)');
} else if (what === 'write') {
  const next = database.prepare('UPDATE counts SET n = n + 1 RETURNING n');
  const note = database.prepare('INSERT INTO log VALUES (?, ?)');
  for (let done = 0; done < Number(times); done += 1) {
    database.exec('BEGIN IMMEDIATE');
    note.run(process.pid, next.get()?.['n'] ?? null);
    database.exec('COMMIT');
  }
} else {
  const check = database.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
  const told = database.prepare('SELECT n, (SELECT count(DISTINCT n) FROM log) AS rows FROM counts').get();
  process.stdout.write(`${check} ${told?.['n']}\n`);
  if (told?.['n'] !== told?.['rows']) process.stdout.write(`rows ${told?.['rows']}\n`);
}
database.close();
