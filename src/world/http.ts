/** One request of an HTTP client, its body not read yet. */
export interface HttpRequest {
  /** In capitals. */
  readonly method: string;
  /** Path and query as the client sent them, or an absolute URL. */
  readonly target: string;
  /** The value of a header, its name in lower case; several of one name are joined with commas. */
  header(name: string): string | null;
  /**
   * In pieces of at most LIMITS.davPieceBytes, each valid until the next one is asked for. Ends early, with CW_LINK_CLOSED,
   * where the client goes away before the end of its body. Read once.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** IP address of the client. */
  readonly address: string;
  readonly isEncrypted: boolean;
}

/** The connection of an answer, for a thread that sends a part of the body. */
export interface LentConnection {
  readonly fd: number;
  /** False once the connection is broken, or broken off. */
  readonly isOpen: boolean;
  /** So much was sent over it. */
  sent(sizeBytes: number): void;
  /** Nothing is sent over it by others from now on. */
  giveBack(): void;
}

/** The answer to one request. */
export interface HttpReply {
  /** Whether the status has been sent. */
  readonly isBegun: boolean;
  begin(status: number, headers: Readonly<Record<string, string>>): void;
  /** Resolves when the next piece may be written; the bytes must not be changed then either. CW_LINK_CLOSED. */
  write(bytes: Uint8Array): Promise<void>;
  /** With the last bytes of the body, or all of them: they leave together with what was not sent yet. */
  end(bytes?: Uint8Array): Promise<void>;
  /**
   * For the next bytes of the body, once all that was written has left: until it is given back nothing may be written, and
   * the answer is not ended. Null where there is no plain connection that could be lent now.
   */
  lend(): LentConnection | null;
  /** Breaks the connection, so that the client does not take what it has for the whole. */
  cut(): void;
}

/** Answers a request; what it throws breaks the connection. */
export type HttpHandler = (request: HttpRequest, reply: HttpReply) => Promise<void>;

export interface HttpListen {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** PEM; null for no TLS. */
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string } | null;
}

export interface HttpListener extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Resolves where it listens no more: with the failure, or undefined where it was closed. */
  readonly ended: Promise<unknown>;
  /** No more requests; running ones are cut. */
  close(): Promise<void>;
}

/** Serves HTTP/1.1. CW_LINK_BUSY where the port is taken, CW_LINK_REFUSED. */
export type ServeHttp = (listen: HttpListen, handler: HttpHandler) => Promise<HttpListener>;
