import { readFileSync } from 'node:fs';

/** A row of a table, by column: cells without their backticks. */
export type Row = readonly string[];

export interface CheckedTable {
  readonly name: string;
  readonly head: Row;
  readonly rows: readonly Row[];
}

const MARK = /^<!-- checked: (.+) -->$/;

/** The text of docs/protocol.md without its drawings. */
export function protocolText(): string {
  const text = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  return text.replaceAll(/^```[^`]*^```$/gm, '');
}

/** The tables of docs/protocol.md that stand under a `checked` line, by name. */
export function checkedTables(): Map<string, CheckedTable> {
  const lines = protocolText().split('\n');
  const tables = new Map<string, CheckedTable>();
  for (const [at, line] of lines.entries()) {
    const name = MARK.exec(line)?.[1];
    if (name === undefined) continue;
    if (tables.has(name)) throw new Error(`two tables are called ${name}`);
    const rest = lines.slice(at + 2);
    const end = rest.findIndex((row) => !row.startsWith('|'));
    const [head, , ...rows] = rest.slice(0, end).map(cellsOf);
    tables.set(name, { name, head: head as Row, rows });
  }
  return tables;
}

/** Words in backticks of a cell, in order. */
export function quoted(cell: string): string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), (match) => match[1] as string);
}

export function unquoted(cell: string): string {
  return cell.replaceAll('`', '');
}

function cellsOf(row: string): Row {
  return row
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());
}
