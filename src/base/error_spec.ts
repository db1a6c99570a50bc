/**
 * What a caller may do after an error.
 *
 * next: `never` = the same call fails again; `retry` = the same call may work later; `reconnect` = it may work
 * over a new link; `fatal` = this process cannot go on.
 */
export type Next = 'never' | 'retry' | 'reconnect' | 'fatal';

export interface ErrorSpec {
  readonly next: Next;
  /** Exit code of the command line: 1 failed, 2 usage, 3 partly done, 4 refused before start, 5 verification failed, 130 cancelled. */
  readonly exit: 1 | 2 | 3 | 4 | 5 | 130;
  /** One sentence that tells the user what to do. */
  readonly help: string;
}

export const spec = (next: Next, exit: ErrorSpec['exit'], help: string): ErrorSpec => ({ next, exit, help });
