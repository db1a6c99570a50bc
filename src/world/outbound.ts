/** One POST to somebody else's server. */
export interface OutboundPost {
  /** `https:`, or `http:`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  /** Whether the server may be reached at this IP address: asked after its name was resolved, for the address that is used. */
  readonly permits: (address: string) => boolean;
}

/** One run of a program. */
export interface OutboundCommand {
  /** The absolute path of a program and its arguments; no shell. */
  readonly argv: readonly string[];
  readonly stdin: Uint8Array;
  /** After this the program is killed, with the processes it started. */
  readonly timeoutMs: number;
}

export interface CommandEnd {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** The end of what it wrote to its standard error. */
  readonly lastWords: string;
}

/** How this program reaches out to others by itself. */
export interface Outbound {
  /**
   * The status of the answer; a redirection is not followed. The certificate of the server must be valid. CW_NOTIFY_ADDRESS
   * where the address is not permitted, CW_NOTIFY_FAILED where no answer comes.
   */
  post(request: OutboundPost, signal: AbortSignal): Promise<number>;
  /** CW_NOTIFY_FAILED where it cannot be started. */
  run(command: OutboundCommand, signal: AbortSignal): Promise<CommandEnd>;
}
