/** Tables for a terminal and for Markdown. Pure. */

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

type Row = readonly string[];

function widths(columns: readonly Column[], rows: readonly Row[]): number[] {
  return columns.map((column, i) =>
    Math.max(column.title.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
}

function padded(text: string, width: number, align: Column['align']): string {
  return align === 'left' ? text.padEnd(width) : text.padStart(width);
}

function line(columns: readonly Column[], row: Row, width: readonly number[], between: string): string {
  return columns.map((column, i) => padded(row[i] ?? '', width[i] ?? 0, column.align)).join(between);
}

/** Columns aligned with two spaces between them; no trailing blanks. */
export function plainTable(columns: readonly Column[], rows: readonly Row[]): string {
  const width = widths(columns, rows);
  const rule = width.map((w) => '-'.repeat(w));
  const all = [columns.map((column) => column.title), rule, ...rows];
  return all.map((row) => line(columns, row, width, '  ').trimEnd()).join('\n');
}

/** A Markdown table; `|` in a cell is escaped. */
export function markdownTable(columns: readonly Column[], rows: readonly Row[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const width = widths(columns, escaped).map((w) => Math.max(w, 3));
  const rule = columns.map((c, i) =>
    c.align === 'left' ? '-'.repeat(width[i] ?? 3) : `${'-'.repeat((width[i] ?? 3) - 1)}:`,
  );
  const all = [columns.map((column) => column.title), rule, ...escaped];
  return all.map((row) => `| ${line(columns, row, width, ' | ')} |`).join('\n');
}
