import { equalBytes, toHex } from '../../base/bytes.ts';
import { observed } from '../../base/deferred.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import {
  commonVersion,
  decodeHello,
  decodeHelloHeader,
  encodeHello,
  HELLO_HEADER_BYTES,
  type Hello,
  type HelloSession,
  type Integrity,
  PROTOCOL_VERSIONS,
  type Refusal,
} from '../../wire/hello.ts';
import type { Clock } from '../../world/clock.ts';
import type { Conn, TlsIdentity, TlsOptions } from '../../world/net.ts';
import type { World } from '../../world/world.ts';
import { pairingProof } from './pairing_proof.ts';
import type { DialTrust } from './trust.ts';
import { keyChanged } from './trust_store.ts';

type HandshakeWorld = Pick<World, 'clock' | 'net' | 'process' | 'identities'>;

/** What a side brings into a handshake. */
export interface LocalSide {
  /** The own key, or what tells it for each connection anew. */
  readonly identity: TlsIdentity | (() => TlsIdentity);
  /** For the accepting side: a further own key that is shown to who asks for it, see {@link keyName}. */
  readonly identityNamed?: (keyName: string) => TlsIdentity | null;
  readonly buildId: string;
  /** For TLS, where the other end may take longer to start than LIMITS.handshakeTimeoutMs. */
  readonly handshakeTimeoutMs?: number;
}

/** The key that is shown on a connection that is made now. */
export function ownIdentity({ identity }: Pick<LocalSide, 'identity'>): TlsIdentity {
  return typeof identity === 'function' ? identity() : identity;
}

/**
 * How a dialler says in TLS (RFC 6066 section 3, server name) which key of the acceptor it knows, so that one that has
 * changed its key can still show the former one to who has not heard of it.
 */
export function keyName(fingerprint: string): string {
  return `k${fingerprint.slice(0, KEY_NAME_DIGITS)}.causeway`;
}

const KEY_NAME_DIGITS = 32;

/** A carrier whose two ends have greeted each other. */
export interface Greeted {
  readonly conn: Conn;
  readonly peer: Hello;
  readonly version: number;
  readonly integrity: Integrity;
}

/**
 * The dialling side: TLS, the check of the acceptor's key, hello, answer. Nothing about this side, and no proof, is
 * sent before the key was checked. Owns `raw`: closed when it fails. CW_TLS_FAILED, CW_PAIR_*, CW_WIRE_*, CW_LINK_*,
 * and what the acceptor refuses with.
 */
export async function greetAsDialer(
  world: HandshakeWorld,
  raw: Conn,
  side: LocalSide & { readonly trust: DialTrust; readonly session: HelloSession },
): Promise<Greeted> {
  let conn = raw;
  try {
    const { trust, session } = side;
    const identity = ownIdentity(side);
    if (trust.kind !== 'trust-carrier') {
      const known = trust.nextFingerprint ?? trust.fingerprint;
      const serverName = known === null ? undefined : keyName(known);
      conn = await secure(world, raw, { ...side, identity, role: 'client', serverName });
    }
    const proof = checkAcceptor(world, conn, identity, trust);
    const integrity = integrityOf(conn);
    await conn.write([encodeHello(ownHello(world, side.buildId, { conn, session, integrity, proof }))]);
    const peer = await readHello(conn);
    if (peer.kind === 'refusal') throw peer.error;
    if (!equalBytes(peer.session.id, session.id) || (peer.session.resume && !session.resume)) {
      throw new CausewayError(
        'CW_WIRE_MALFORMED',
        'the answer is about another session than the one asked for',
      );
    }
    return { conn, peer, integrity, version: agree(peer, integrity) };
  } catch (failure) {
    await conn.close();
    throw failure;
  }
}

/** The accepting side up to the dialler's hello; `conn` is the caller's afterwards. Owns `raw` when it fails, and has told the peer why. */
export async function hearDialer(
  world: HandshakeWorld,
  raw: Conn,
  side: LocalSide & { readonly trustCarrier: boolean },
): Promise<Greeted> {
  let conn = raw;
  try {
    const identity = ownIdentity(side);
    if (!side.trustCarrier) conn = await secure(world, raw, { ...side, identity, role: 'server' });
    const integrity = integrityOf(conn);
    const peer = await readHello(conn);
    if (peer.kind === 'refusal') throw peer.error;
    return { conn, peer, integrity, version: agree(peer, integrity) };
  } catch (failure) {
    await refuse(world.clock, conn, failure);
    throw failure;
  }
}

/** The accepting side's answer: from here on the carrier belongs to that session. */
export async function answerDialer(
  world: HandshakeWorld,
  greeted: Greeted,
  buildId: string,
  session: HelloSession,
): Promise<void> {
  const { conn, integrity } = greeted;
  await conn.write([encodeHello(ownHello(world, buildId, { conn, session, integrity, proof: null }))]);
}

/** Tells the peer why it is not let in, if it speaks the protocol at all, and closes the carrier. */
export async function refuse(clock: Clock, conn: Conn, failure: unknown): Promise<void> {
  const speaksIt = failure instanceof CausewayError && !SILENT.has(failure.code);
  try {
    if (speaksIt) {
      const refusal: Refusal = { kind: 'refusal', versions: PROTOCOL_VERSIONS, error: failure };
      await conn.write([encodeHello(refusal)]);
      await untilHeard(clock, conn);
    }
  } catch {
    // the peer went away before it heard the reason: the caller reports the reason itself
  } finally {
    await conn.close();
  }
}

/** Waits a little for the peer to hang up: closing first could destroy the refusal on its way. */
async function untilHeard(clock: Clock, conn: Conn): Promise<void> {
  const ended = new AbortController();
  const silence = clock.sleep(LIMITS.sessionCloseGraceMs.value, ended.signal).catch(() => undefined); // it hung up first
  const hangUp = observed(conn.read(new Uint8Array(1), 1));
  try {
    await Promise.race([hangUp, silence]);
  } finally {
    ended.abort();
  }
}

/** Failures after which nobody who understands an answer is there. */
const SILENT: ReadonlySet<string> = new Set([
  'CW_TLS_FAILED',
  'CW_WIRE_MAGIC',
  'CW_WIRE_TRUNCATED',
  'CW_LINK_CLOSED',
  'CW_INTERNAL',
]);

async function secure(
  world: HandshakeWorld,
  raw: Conn,
  side: Omit<TlsOptions, 'handshakeTimeoutMs'> & { readonly handshakeTimeoutMs?: number },
): Promise<Conn> {
  const { identity, role, serverName, identityNamed } = side;
  const { handshakeTimeoutMs = LIMITS.handshakeTimeoutMs.value } = side;
  const conn = await world.net.secure(raw, { identity, role, handshakeTimeoutMs, serverName, identityNamed });
  if (conn.peer.fingerprint !== null) return conn;
  await conn.close();
  throw new CausewayError('CW_TLS_FAILED', 'the other side showed no certificate');
}

/** Throws unless the key at the other end is the right one; gives the pairing proof where one is to be offered. */
function checkAcceptor(
  world: HandshakeWorld,
  conn: Conn,
  identity: TlsIdentity,
  trust: DialTrust,
): Uint8Array | null {
  if (trust.kind === 'trust-carrier') return null;
  const acceptor = conn.peer.fingerprint as string;
  const isKnown = trust.fingerprint === acceptor || trust.nextFingerprint === acceptor;
  if (trust.fingerprint !== null && !isKnown) throw keyChanged(conn.peer.description, acceptor);
  if (trust.kind === 'first-use' || trust.pairingSecret === undefined) return null;
  return pairingProof(world.identities, trust.pairingSecret, { dialer: identity.fingerprint, acceptor });
}

function ownHello(
  world: HandshakeWorld,
  buildId: string,
  rest: { conn: Conn; session: HelloSession; integrity: Integrity; proof: Uint8Array | null },
): Hello {
  const { hostName, platform } = world.process.info;
  const who = { buildId, hostName, platform, tlsGroup: rest.conn.peer.tlsGroup };
  const { session, integrity, proof } = rest;
  return { kind: 'hello', versions: PROTOCOL_VERSIONS, who, session, integrity, proof };
}

function integrityOf(conn: Conn): Integrity {
  return conn.peer.fingerprint === null ? 'crc32c' : 'tls';
}

function agree(peer: Hello, integrity: Integrity): number {
  if (peer.integrity !== integrity) {
    throw new CausewayError(
      'CW_WIRE_MALFORMED',
      `one side has TLS and the other has not (${toHex(peer.session.id)})`,
    );
  }
  return commonVersion(PROTOCOL_VERSIONS, peer.versions);
}

async function readHello(conn: Conn): Promise<Hello | Refusal> {
  const header = new Uint8Array(HELLO_HEADER_BYTES);
  const headerBytes = await conn.read(header, header.byteLength);
  if (headerBytes === 0)
    throw new CausewayError('CW_LINK_CLOSED', 'the other side hung up during the handshake');
  if (headerBytes < header.byteLength) throw truncated();
  const body = new Uint8Array(decodeHelloHeader(header));
  if (body.byteLength > 0 && (await conn.read(body, body.byteLength)) < body.byteLength) throw truncated();
  return decodeHello(body, PROTOCOL_VERSIONS);
}

function truncated(): CausewayError {
  return new CausewayError('CW_WIRE_TRUNCATED', 'the other side hung up in the middle of its hello');
}
