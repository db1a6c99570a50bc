import { fromHex, toHex } from '../base/bytes.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { dialLink } from '../link/dial.ts';
import type { Link } from '../link/link.ts';
import type { LinkServer } from '../link/link_server.ts';
import type { Mux, Stream } from '../link/mux/mux.ts';
import type { RpcHandler } from '../link/rpc.ts';
import { type ServeSource, serveLinks } from '../link/serve.ts';
import { loadIdentity } from '../link/session/identity_store.ts';
import type { PairingTokens } from '../link/session/pairing.ts';
import { openPairingTokens } from '../link/session/pairing_file.ts';
import { StateFile } from '../link/session/state_file.ts';
import { StoreTrust } from '../link/session/store_trust.ts';
import type { DialTrust } from '../link/session/trust.ts';
import { TrustStore } from '../link/session/trust_store.ts';
import { FarMounts } from '../share/fuse/far_mounts.ts';
import { CopyService } from '../transfer/copy_service.ts';
import { peerMethods } from '../transfer/peer_methods.ts';
import { PeerSession } from '../transfer/peer_session.ts';
import { parseToken } from '../wire/token.ts';
import type { Dir } from '../world/disk.ts';
import type { Mounts } from '../world/mounts.ts';
import type { Endpoint, TlsIdentity } from '../world/net.ts';
import type { World } from '../world/world.ts';

/** How the host reaches this agent, or how this agent reaches the host. */
export type AgentChannel =
  | { readonly kind: 'serial'; readonly device: string }
  | { readonly kind: 'stdio' }
  | { readonly kind: 'listen'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly token: string | null };

/** What an agent stands on. */
export interface AgentGround {
  readonly world: World;
  /** What this machine offers to mounts; absent: none. */
  readonly mounts?: Mounts;
}

export interface AgentOptions extends AgentGround {
  readonly dataDirectory: string;
  readonly buildId: string;
  readonly channel: AgentChannel;
  readonly trustCarrier: boolean;
  /** Called when a link comes up, with the proven key of the host where there is one. What it throws is logged. */
  readonly onLinked?: (host: string | null) => Promise<void>;
  /** What else is answered on a link with that host. */
  readonly methods?: (host: string | null) => Readonly<Record<string, RpcHandler>>;
  /** Lines for whoever runs the agent. */
  readonly log: (line: string) => void;
}

/** What a started agent tells: where it listens and the token that pairs it, where it has one. */
export interface AgentReady {
  readonly fingerprint: string;
  readonly address: string | null;
  readonly token: string | null;
}

/** The guest agent: takes part in the copies that its host asks for. */
export class Agent implements AsyncDisposable {
  readonly ready: AgentReady;
  readonly #copies: CopyService;
  readonly #options: AgentOptions;
  readonly #mounts: FarMounts | null;
  readonly #closers: (() => Promise<void>)[];
  readonly #finished = Promise.withResolvers<void>();

  private constructor(
    options: AgentOptions,
    ready: AgentReady,
    copies: CopyService,
    closers: (() => Promise<void>)[],
  ) {
    this.#options = options;
    this.ready = ready;
    this.#copies = copies;
    this.#closers = closers;
    const { world, mounts } = options;
    this.#mounts = mounts === undefined ? null : new FarMounts(world, mounts);
    closers.push(async () => this.#mounts?.close());
  }

  /** Resolves when there is nothing more to serve: the end of stdin, or a host that refuses this agent for good. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** CW_DAEMON_STATE, CW_DISK_*, CW_LINK_BUSY, CW_PAIR_TOKEN_MALFORMED, CW_USAGE. */
  static async start(options: AgentOptions): Promise<Agent> {
    const { world, dataDirectory, channel } = options;
    const dir = await world.disk.openRoot(dataDirectory);
    const closers = [() => dir.close()];
    const copies = new CopyService(world);
    closers.push(() => copies.close());
    const identity = await loadIdentity(world, dir, dataDirectory);
    if (channel.kind === 'tcp') return startDialing(options, { dir, identity, copies, closers }, channel);
    const trust = await TrustStore.open(world, dir, dataDirectory);
    const tokens = await openPairingTokens(world, dir, dataDirectory);
    const source = await openSource(world, channel);
    const firstUseName = channel.kind === 'listen' ? null : 'host';
    const policy = new StoreTrust({ store: trust, tokens, firstUseName });
    const server = serveLinks(world, {
      source,
      trust: options.trustCarrier ? { kind: 'trust-carrier' } : { kind: 'policy', policy },
      identity,
      buildId: options.buildId,
    });
    closers.push(() => server.close());
    const ready = await readyOf(source, { identity, trust, tokens });
    const agent = new Agent(options, ready, copies, closers);
    server.onTurned(({ error, description }) =>
      options.log(`${description} was turned away: ${error.message} (${error.code})`),
    );
    void agent.#acceptAll(server);
    return agent;
  }

  static dialing(options: AgentOptions, link: Link, parts: AgentParts): Agent {
    parts.closers.push(() => link.close());
    const ready = { fingerprint: parts.identity.fingerprint, address: null, token: null };
    const agent = new Agent(options, ready, parts.copies, parts.closers);
    agent.#serveLink(link);
    link.onState((state) => {
      if (state.kind !== 'failed') return;
      options.log(
        `the host refuses this agent: ${state.error.message}. ${state.error.help} (${state.error.code})`,
      );
      agent.#finished.reject(state.error);
    });
    return agent;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
    this.#finished.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #acceptAll(server: LinkServer): Promise<void> {
    const never = new AbortController();
    try {
      for (;;) this.#serveLink(await server.accept(never.signal));
    } catch (failure) {
      const error = asCausewayError(failure);
      if (error.code !== 'CW_LINK_CLOSED') this.#options.log(error.message);
      this.#finished.resolve();
    }
  }

  #serveLink(link: Link): void {
    const served = new Set<Mux>();
    const serve = (mux: Mux, host: string | null) => {
      if (served.has(mux)) return;
      served.add(mux);
      const { world, buildId, onLinked, log, methods } = this.#options;
      onLinked?.(host).catch((failure) => log(asCausewayError(failure).message));
      const handlers = {
        ...peerMethods(world, this.#copies, buildId),
        ...this.#mounts?.methods,
        ...methods?.(host),
      };
      const take = (stream: Stream) => void this.#mounts?.take(stream);
      const session = new PeerSession(mux, this.#copies, handlers, this.#mounts === null ? null : take);
      void session.serve().then(() => served.delete(mux));
    };
    link.onState((state) => {
      this.#mounts?.stalled(state.kind !== 'up');
      if (state.kind === 'up') serve(state.mux, state.peer.fingerprint);
    });
    if (link.state.kind === 'up') serve(link.state.mux, link.state.peer.fingerprint);
  }
}

interface AgentParts {
  readonly dir: Dir;
  readonly identity: TlsIdentity;
  readonly copies: CopyService;
  readonly closers: (() => Promise<void>)[];
}

const HOST_FILE = 'host.json';

/** The agent dials: the first time with a token, from then on with the key that the token named. */
async function startDialing(
  options: AgentOptions,
  parts: AgentParts,
  channel: Extract<AgentChannel, { kind: 'tcp' }>,
): Promise<Agent> {
  const { world, dataDirectory, buildId } = options;
  const file = new StateFile(parts.dir, dataDirectory, HOST_FILE);
  if (channel.token !== null) {
    const { fingerprint, secret } = parseToken(channel.token);
    await file.write({ fingerprint, pairingSecret: toHex(secret) });
  }
  const stored = (await file.read())?.body as
    | { fingerprint: string; pairingSecret: string | null }
    | undefined;
  if (!stored)
    throw new CausewayError(
      'CW_USAGE',
      'this agent is not paired yet: give the token that `causeway vm pair` printed with --token',
    );
  const link = dialLink(world, {
    channel: { kind: 'tcp', host: channel.host, port: channel.port },
    trust: hostTrust(stored),
    identity: parts.identity,
    buildId,
    incarnation: world.random.bytes(16),
  });
  link.onState((state) => {
    // A secret works once: what is left of it would only be something to steal.
    if (state.kind !== 'up' || stored.pairingSecret === null) return;
    const { fingerprint } = stored;
    file
      .write({ fingerprint, pairingSecret: null })
      .catch((failure) => options.log(asCausewayError(failure).message));
  });
  return Agent.dialing(options, link, parts);
}

function hostTrust(stored: { fingerprint: string; pairingSecret: string | null }): DialTrust {
  const { fingerprint, pairingSecret } = stored;
  if (pairingSecret === null) return { kind: 'pinned', fingerprint };
  return { kind: 'pinned', fingerprint, pairingSecret: fromHex(pairingSecret) };
}

async function openSource(
  world: World,
  channel: Exclude<AgentChannel, { kind: 'tcp' }>,
): Promise<ServeSource> {
  switch (channel.kind) {
    case 'serial':
      return { kind: 'pipe', channel: { kind: 'device', path: channel.device }, serial: true };
    case 'stdio':
      return { kind: 'pipe', channel: { kind: 'stdio' }, serial: false };
    case 'listen':
      return {
        kind: 'listener',
        listener: await world.net.listen({ kind: 'tcp', host: channel.host, port: channel.port }),
      };
    case 'unix':
      return { kind: 'listener', listener: await world.net.listen({ kind: 'unix', path: channel.path }) };
  }
}

/** A listening agent that trusts nobody yet issues the token that pairs its host. */
async function readyOf(
  source: ServeSource,
  parts: { identity: TlsIdentity; trust: TrustStore; tokens: PairingTokens },
): Promise<AgentReady> {
  const { fingerprint } = parts.identity;
  if (source.kind !== 'listener') return { fingerprint, address: null, token: null };
  const address = addressOf(source.listener.endpoint);
  if (source.listener.endpoint.kind !== 'tcp' || parts.trust.list().length > 0)
    return { fingerprint, address, token: null };
  const issued = await parts.tokens.issue({ name: 'host', addresses: [address], fingerprint });
  return { fingerprint, address, token: issued.text };
}

function addressOf(endpoint: Endpoint): string {
  return endpoint.kind === 'tcp'
    ? `${endpoint.host}:${endpoint.port}`
    : endpoint.kind === 'unix'
      ? endpoint.path
      : endpoint.kind;
}
