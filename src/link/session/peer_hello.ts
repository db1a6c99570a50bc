import type { PeerHello } from '../link.ts';
import type { Greeted } from './handshake.ts';

/** What is shown of the peer; `tlsGroup` as the TLS client of this carrier saw it. */
export function peerHello(greeted: Greeted, tlsGroup: string | null): PeerHello {
  const { peer, conn, version } = greeted;
  return {
    buildId: peer.who.buildId,
    protocolVersion: version,
    hostName: peer.who.hostName,
    platform: peer.who.platform,
    fingerprint: conn.peer.fingerprint,
    tlsGroup,
    tlsCipher: conn.peer.tlsCipher,
    ownFingerprint: conn.peer.ownFingerprint ?? null,
  };
}
