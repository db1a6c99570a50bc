/** What the process is told from outside. */
export interface Signals {
  /** Aborted by the first Ctrl-C (or SIGTERM); a second one ends the process at once. */
  readonly interrupted: AbortSignal;
  /** Calls `listener` at each SIGHUP from then on, in place of the end of the process. */
  onHangup(listener: () => void): void;
}

/** What a command may do with the terminal; the entry point gives it the process's own. */
export interface Terminal extends Signals {
  out(text: string): void;
  err(text: string): void;
  readonly isTty: boolean;
  readonly columns: number;
  readonly colour: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Left-aligned columns, two blanks apart; the last one is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows
    .map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at]!))).join('  '))
    .join('\n');
}
