/** Who is at the other end, as far as the channel knows. */
export interface PeerInfo {
  /** For people: `tcp 127.0.0.1:4433`, `serial /run/vm.sock`, `stdio`. */
  readonly description: string;
  /** SHA-256 of the peer's certificate as lower-case hex; null without TLS. */
  readonly fingerprint: string | null;
  /** That of the certificate that this side has shown; absent without TLS. */
  readonly ownFingerprint?: string;
  /** Negotiated TLS key exchange group and cipher, for example `X25519MLKEM768` and `TLS_AES_256_GCM_SHA384`. Group is null on the server side and without TLS. */
  readonly tlsGroup: string | null;
  readonly tlsCipher: string | null;
}

/** What the transport below a connection tells of its sending half. Counters only rise. */
export interface LineFigures {
  /** Smoothed round trip of the transport's own acknowledgements. */
  readonly roundTripUs: number;
  /** Bytes sent that the other end of the transport has not acknowledged. */
  readonly unackedBytes: number;
  readonly sentSegments: number;
  readonly resentSegments: number;
  /** What the other end takes at most before it acknowledges. */
  readonly peerWindowBytes: number;
  /** Time in which bytes were on their way, and of it the time in which the other end's window held back more. */
  readonly busyMs: number;
  readonly peerLimitedMs: number;
}

/**
 * A byte pipe in both directions. One read and one write may be pending at a time.
 * Law: `close()` unblocks a pending read (it resolves 0 or rejects CW_LINK_CLOSED) and a pending write (rejects CW_LINK_CLOSED).
 */
export interface Conn extends AsyncDisposable {
  /** Fills at least `minBytes` of `into` (1 ≤ minBytes ≤ length) and resolves with the count; fewer than `minBytes`, possibly 0, only at the end of the stream. Rejects CW_LINK_CLOSED on a cut. */
  read(into: Uint8Array, minBytes: number): Promise<number>;
  /** Resolves when the bytes are handed to the channel and the arrays may be reused. */
  write(parts: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
  readonly peer: PeerInfo;
  /** Figures of the transport; null, or absent, where it has none (TCP on Linux has). */
  line?(): LineFigures | null;
  /** The first `sizeBytes` bytes, fewer at the end of the stream; the next read gives them again. Absent where nothing can be put back. */
  peek?(sizeBytes: number): Promise<Uint8Array>;
  /**
   * Ends this object without ending the connection, and gives a descriptor of it that is the caller's; null where it is no
   * bare socket, or bytes of it were read that nobody has taken. Absent where there are no descriptors.
   */
  handOver?(): number | null;
}

/** A device's own key: Ed25519 certificate and private key, PEM. */
export interface TlsIdentity {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly fingerprint: string;
}

export interface TlsOptions {
  readonly identity: TlsIdentity;
  readonly role: 'client' | 'server';
  /** The cipher class: `sensitive` AES-256-GCM, `standard` AES-128-GCM, `chacha` ChaCha20-Poly1305. Default sensitive. */
  readonly cipherClass?: 'sensitive' | 'standard' | 'chacha';
  readonly handshakeTimeoutMs: number;
  /** For a client: which key of the server it asks for, as a name of DNS. */
  readonly serverName?: string | undefined;
  /** For a server: the key that a client has asked for; null where there is none of that name, and `identity` is shown. */
  readonly identityNamed?: ((serverName: string) => TlsIdentity | null) | undefined;
}

export type Endpoint =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  /** A character device such as /dev/vport1p1; only dialled. */
  | { readonly kind: 'device'; readonly path: string }
  /** A command whose stdin and stdout are the pipe; only dialled. */
  | { readonly kind: 'exec'; readonly argv: readonly string[] }
  /** This process's own stdin and stdout; only dialled. */
  | { readonly kind: 'stdio' };

export interface Listener extends AsyncDisposable {
  /** The next connection; rejects CW_LINK_CLOSED once the listener is closed. */
  accept(): Promise<Conn>;
  close(): Promise<void>;
  /** The address in use, with the real port where 0 was asked for. */
  readonly endpoint: Endpoint;
}

export interface Net {
  /** CW_LINK_REFUSED where nothing answers, CW_TIMEOUT after `timeoutMs`. */
  dial(endpoint: Endpoint, options: { timeoutMs: number; signal?: AbortSignal }): Promise<Conn>;
  /** TCP or Unix. A stale Unix socket file is replaced when nobody answers on it; otherwise CW_LINK_BUSY. */
  listen(endpoint: Endpoint): Promise<Listener>;
  /**
   * TLS 1.3 over any pipe, mutual: both sides show their certificate and prove its key. Who the peer is, is the
   * caller's question: compare `peer.fingerprint`. CW_TLS_FAILED. Owns `conn` from then on.
   */
  secure(conn: Conn, options: TlsOptions): Promise<Conn>;
}

export interface Identities {
  /** A new Ed25519 key with a self-signed certificate; the fingerprint is SHA-256 of the DER certificate, lower-case hex. */
  create(commonName: string): Promise<TlsIdentity>;
  /** HMAC-SHA-256, for proofs of a shared secret. */
  hmac(key: Uint8Array, message: Uint8Array): Uint8Array;
  /** Ed25519 (RFC 8032), 64 bytes. */
  sign(identity: TlsIdentity, message: Uint8Array): Uint8Array;
  /** Whether the owner of the certificate with that fingerprint has signed that. False for anything malformed. */
  verify(signed: SignedMessage, fingerprint: string): boolean;
}

export interface SignedMessage {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly certificatePem: string;
}
