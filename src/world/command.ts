/** A program to be asked something: no shell in between, no terminal. */
export interface CommandRequest {
  readonly argv: readonly string[];
  /** A file of this machine that becomes its input; without: the text, or nothing. */
  readonly inputFile?: string;
  readonly inputText?: string;
  /** How long nothing may happen, in ms: no byte taken from the input and none printed. */
  readonly idleTimeoutMs: number;
  readonly signal?: AbortSignal;
  /** Told of the bytes of `inputFile` that the program has taken so far. */
  readonly onSent?: (sentBytes: number) => void;
}

export interface CommandResult {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  /** At most LIMITS.commandOutputMaxBytes. */
  readonly stdout: string;
  /** The last LIMITS.execStderrMaxBytes. */
  readonly stderr: string;
}

/**
 * Runs a program to its end. CW_PROGRAM_MISSING where there is none, CW_TIMEOUT, CW_LIMIT where it prints too much,
 * and what aborted the signal; in these cases the program and what it started are ended first.
 */
export type RunCommand = (request: CommandRequest) => Promise<CommandResult>;
