import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AcceptedLink } from '../../src/link/accepted_link.ts';
import { dialLink } from '../../src/link/dial.ts';
import type { Link } from '../../src/link/link.ts';
import type { LinkServer, Turned } from '../../src/link/link_server.ts';
import { type ServeSource, serveLinks } from '../../src/link/serve.ts';
import { loadIdentity } from '../../src/link/session/identity_store.ts';
import { PairingTokens } from '../../src/link/session/pairing.ts';
import { StoreTrust } from '../../src/link/session/store_trust.ts';
import type { DialTrust } from '../../src/link/session/trust.ts';
import { TrustStore } from '../../src/link/session/trust_store.ts';
import { parseAddress, parseToken } from '../../src/wire/token.ts';
import type { Endpoint, TlsIdentity } from '../../src/world/net.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import type { World } from '../../src/world/world.ts';
import { serveEcho } from './sim_link.ts';

const LOOPBACK: Endpoint = { kind: 'tcp', host: '127.0.0.1', port: 0 };

/** A device on the real world, with its own data directory; everything it opens ends with {@link close}. */
export class NodePeer {
  readonly world: World = createNodeWorld();
  readonly path: string;
  readonly identity: TlsIdentity;
  readonly store: TrustStore;
  readonly tokens: PairingTokens;
  readonly links: AcceptedLink[] = [];
  readonly turned: Turned[] = [];
  readonly #open: AsyncDisposable[] = [];

  private constructor(path: string, identity: TlsIdentity, store: TrustStore) {
    this.path = path;
    this.identity = identity;
    this.store = store;
    this.tokens = new PairingTokens(this.world);
  }

  static async create(path: string = mkdtempSync(join(tmpdir(), 'causeway-peer-'))): Promise<NodePeer> {
    const world = createNodeWorld();
    const dir = await world.disk.openRoot(path);
    const peer = new NodePeer(
      path,
      await loadIdentity(world, dir, path),
      await TrustStore.open(world, dir, path),
    );
    peer.#open.push(dir);
    return peer;
  }

  /** Listens and answers; gives the address in use. */
  async listen(endpoint: Endpoint = LOOPBACK, firstUseName: string | null = null): Promise<Endpoint> {
    const listener = await this.world.net.listen(endpoint);
    this.serve({ kind: 'listener', listener }, firstUseName);
    return listener.endpoint;
  }

  serve(source: ServeSource, firstUseName: string | null): LinkServer {
    const policy = new StoreTrust({ store: this.store, tokens: this.tokens, firstUseName });
    const trust = { kind: 'policy', policy } as const;
    const server = serveLinks(this.world, { source, trust, identity: this.identity, buildId: 'test' });
    server.onTurned((turned) => this.turned.push(turned));
    this.#open.push(server);
    serveEcho(server, (link) => this.links.push(link)).catch(() => undefined); // the server is closed
    return server;
  }

  /** A token for this peer at that address. */
  async token(endpoint: Endpoint, name: string | null = null): Promise<string> {
    const address = endpoint.kind === 'tcp' ? `${endpoint.host}:${endpoint.port}` : 'nowhere:1';
    const { text } = await this.tokens.issue({
      name,
      addresses: [address],
      fingerprint: this.identity.fingerprint,
    });
    return text;
  }

  dial(channel: Endpoint, trust: DialTrust): Link {
    const link = dialLink(this.world, { channel, trust, identity: this.identity, buildId: 'test' });
    this.#open.push(link);
    return link;
  }

  /** As `vm add --token` does it. */
  dialToken(text: string): Link {
    const { addresses, fingerprint, secret } = parseToken(text);
    const channel = { kind: 'tcp', ...parseAddress(addresses[0] as string) } as const;
    return this.dial(channel, { kind: 'pinned', fingerprint, pairingSecret: secret });
  }

  /** As on a channel that only the owner can open. */
  dialFirstUse(channel: Endpoint, name: string): Link {
    const fingerprint = this.store.byName(name)[0]?.fingerprint ?? null;
    const onPinned = (first: string) => this.store.pinFirst(first, name);
    return this.dial(channel, { kind: 'first-use', fingerprint, onPinned });
  }

  async close(): Promise<void> {
    for (const resource of this.#open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
  }

  /** Closes and removes the data directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    rmSync(this.path, { recursive: true, force: true });
  }
}
