import { asCausewayError } from '../base/errors.ts';
import { serveLinks } from '../link/serve.ts';
import type { OwnKeys } from '../link/session/own_keys.ts';
import type { PairingTokens } from '../link/session/pairing.ts';
import { StoreTrust } from '../link/session/store_trust.ts';
import type { TrustStore } from '../link/session/trust_store.ts';
import type { World } from '../world/world.ts';
import type { Machines } from './machines.ts';

export interface DialInParts {
  readonly host: string;
  readonly port: number;
  readonly keys: OwnKeys;
  readonly trust: TrustStore;
  readonly tokens: PairingTokens;
  readonly buildId: string;
  readonly machines: Machines;
}

export interface DialInServer {
  /** `host:port` in use. */
  readonly address: string;
  readonly port: number;
  /** See {@link RunningPart}. */
  readonly ended: Promise<unknown>;
  close(): Promise<void>;
}

/** Accepts agents that dial in: known keys, or the holders of a one-time token. CW_LINK_BUSY where the port is taken. */
export async function serveDialIn(world: World, parts: DialInParts): Promise<DialInServer> {
  const listener = await world.net.listen({ kind: 'tcp', host: parts.host, port: parts.port });
  const { endpoint } = listener;
  const policy = new StoreTrust({ store: parts.trust, tokens: parts.tokens, firstUseName: null });
  const server = serveLinks(world, {
    source: { kind: 'listener', listener },
    trust: { kind: 'policy', policy },
    identity: () => parts.machines.keyChanges.oldestKnown(),
    identityNamed: (name) => parts.keys.named(name) ?? parts.keys.current,
    buildId: parts.buildId,
  });
  const over = new AbortController();
  const serving = (async () => {
    for (;;) {
      const link = await server.accept(over.signal);
      if (link.peer.id !== null) await parts.machines.arrived(link.peer.id, link);
      else await link.close();
    }
  })().catch((failure) => asCausewayError(failure)); // it was closed, or its end is noticed
  return {
    port: endpoint.kind === 'tcp' ? endpoint.port : parts.port,
    ended: serving,
    address: endpoint.kind === 'tcp' ? `${endpoint.host}:${endpoint.port}` : parts.host,
    close: async () => {
      over.abort();
      await server.close();
      await serving;
    },
  };
}
