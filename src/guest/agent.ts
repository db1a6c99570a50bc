import { MasterKeys } from '../access/keys/master_keys.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { dialLink } from '../link/dial.ts';
import type { Link } from '../link/link.ts';
import type { LinkServer } from '../link/link_server.ts';
import type { Mux, Stream } from '../link/mux/mux.ts';
import type { RpcHandler } from '../link/rpc.ts';
import { type ServeSource, serveLinks } from '../link/serve.ts';
import { OwnKeys } from '../link/session/own_keys.ts';
import type { PairingTokens } from '../link/session/pairing.ts';
import { openPairingTokens } from '../link/session/pairing_file.ts';
import { StoreTrust } from '../link/session/store_trust.ts';
import { TrustStore } from '../link/session/trust_store.ts';
import { FarMounts } from '../share/fuse/far_mounts.ts';
import { MountCaches } from '../share/fuse/mount_caches.ts';
import { CopyService } from '../transfer/copy_service.ts';
import { peerMethods } from '../transfer/peer_methods.ts';
import { PeerSession } from '../transfer/peer_session.ts';
import { knowing } from '../tree/index/known_files.ts';
import { parseToken } from '../wire/token.ts';
import type { Cryptography } from '../world/cryptography.ts';
import type { Dir } from '../world/disk.ts';
import type { Mounts } from '../world/mounts.ts';
import type { Endpoint } from '../world/net.ts';
import type { World } from '../world/world.ts';
import { AgentKeys } from './keys/agent_keys.ts';
import { HostFile, storedHostPins } from './keys/host_pins.ts';
import { modestWorld } from './modest_world.ts';

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
  /** What keys of caches are made with; absent: this machine keeps nothing of what it reads. */
  readonly crypto?: Cryptography;
}

export interface AgentOptions extends AgentGround {
  readonly dataDirectory: string;
  readonly buildId: string;
  readonly channel: AgentChannel;
  readonly trustCarrier: boolean;
  /** Called when a link comes up, with the proven key of the host where there is one. What it throws is logged. */
  readonly onLinked?: (host: string | null) => Promise<void>;
  /** What else is answered on a link; `host` tells the key that the host has proven last. */
  readonly methods?: (host: () => string | null) => Readonly<Record<string, RpcHandler>>;
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
  readonly #keys: AgentKeys;
  readonly #closers: (() => Promise<void>)[];
  readonly #finished = Promise.withResolvers<void>();

  private constructor(
    options: AgentOptions,
    ready: AgentReady,
    { copies, keys, caches, closers }: AgentParts,
  ) {
    this.#options = options;
    this.ready = ready;
    this.#copies = copies;
    this.#keys = keys;
    this.#closers = closers;
    const { world, mounts } = options;
    this.#mounts = mounts === undefined ? null : new FarMounts(world, mounts, caches);
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
    const copying = modestWorld(world, channel);
    const copies = new CopyService(knowing(copying, dataDirectory));
    closers.push(() => copies.close());
    const own = await OwnKeys.open(world, dir, dataDirectory);
    const caches = await cachesOf(options, dir);
    if (channel.kind === 'tcp') {
      const file = await HostFile.open(dir, dataDirectory);
      const keys = new AgentKeys({ world, keys: own, pins: file });
      return startDialing(options, { own, keys, copies, caches, closers }, { channel, file });
    }
    const trust = await TrustStore.open(world, dir, dataDirectory);
    const tokens = await openPairingTokens(world, dir, dataDirectory);
    const source = await openSource(world, channel);
    const firstUseName = channel.kind === 'listen' ? null : 'host';
    const policy = new StoreTrust({ store: trust, tokens, firstUseName });
    const server = serveLinks(copying, {
      source,
      trust: options.trustCarrier ? { kind: 'trust-carrier' } : { kind: 'policy', policy },
      identity: () => own.current,
      buildId: options.buildId,
    });
    closers.push(() => server.close());
    const ready = await readyOf(source, { own, trust, tokens });
    const keys = new AgentKeys({ world, keys: own, pins: storedHostPins(trust) });
    const agent = new Agent(options, ready, { own, keys, copies, caches, closers });
    server.onTurned(({ error, description }) =>
      options.log(`${description} was turned away: ${error.message} (${error.code})`),
    );
    void agent.#acceptAll(server);
    return agent;
  }

  static dialing(options: AgentOptions, link: Link, parts: AgentParts): Agent {
    parts.closers.push(() => link.close());
    const agent = new Agent(options, readyAt(parts.own, null, null), parts);
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
    let proven: string | null = null;
    const serve = (mux: Mux, host: string | null) => {
      const { world, buildId, onLinked, log, methods } = this.#options;
      proven = host;
      this.#keys.linked(host).catch((failure) => log(asCausewayError(failure).message));
      if (served.has(mux)) return;
      served.add(mux);
      onLinked?.(host).catch((failure) => log(asCausewayError(failure).message));
      const handlers = {
        ...peerMethods(world, this.#copies, buildId),
        ...this.#mounts?.methods(link),
        ...this.#keys.methods(() => proven),
        ...methods?.(() => proven),
      };
      const take = (stream: Stream) => void this.#mounts?.take(stream, link, mux.lanes ?? null);
      const session = new PeerSession(mux, this.#copies, handlers, this.#mounts === null ? null : take);
      void session.serve().then(() => served.delete(mux));
    };
    link.onState((state) => {
      this.#mounts?.stalled(link, state.kind !== 'up');
      if (state.kind === 'up') serve(state.mux, state.peer.fingerprint);
    });
    if (link.state.kind === 'up') serve(link.state.mux, link.state.peer.fingerprint);
  }
}

interface AgentParts {
  readonly own: OwnKeys;
  readonly keys: AgentKeys;
  readonly copies: CopyService;
  readonly caches: MountCaches | null;
  readonly closers: (() => Promise<void>)[];
}

/** Caches of folders of the host that are mounted here: their keys are sealed by one of this machine. */
async function cachesOf(
  { world, crypto, mounts, dataDirectory }: AgentOptions,
  dir: Dir,
): Promise<MountCaches | null> {
  if (crypto === undefined || mounts === undefined) return null;
  const { clock, random, process } = world;
  const seal = await MasterKeys.open({ clock, random, crypto }, dir, dataDirectory, process.info.platform);
  return MountCaches.sealedBy(seal, { world, crypto, dir, dataDirectory });
}

/** The agent dials: the first time with a token, from then on with the key that the token named, or that followed it. */
async function startDialing(
  options: AgentOptions,
  parts: AgentParts,
  { channel, file }: { readonly channel: Extract<AgentChannel, { kind: 'tcp' }>; readonly file: HostFile },
): Promise<Agent> {
  const { world, buildId } = options;
  if (channel.token !== null) await file.pair(parseToken(channel.token));
  const trust = file.trust();
  if (trust === null)
    throw new CausewayError(
      'CW_USAGE',
      'this agent is not paired yet: give the token that `causeway vm pair` printed with --token',
    );
  const link = dialLink(modestWorld(world, channel), {
    channel: { kind: 'tcp', host: channel.host, port: channel.port },
    trust,
    nextFingerprint: () => file.next,
    identity: () => parts.own.current,
    buildId,
    incarnation: world.random.bytes(16),
  });
  return Agent.dialing(options, link, parts);
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
  { own, trust, tokens }: { own: OwnKeys; trust: TrustStore; tokens: PairingTokens },
): Promise<AgentReady> {
  const { fingerprint } = own.current;
  if (source.kind !== 'listener') return readyAt(own, null, null);
  const address = addressOf(source.listener.endpoint);
  if (source.listener.endpoint.kind !== 'tcp' || trust.list().length > 0) return readyAt(own, address, null);
  const issued = await tokens.issue({ name: 'host', addresses: [address], fingerprint });
  return readyAt(own, address, issued.text);
}

/** The key may be changed while the agent runs. */
function readyAt(own: OwnKeys, address: string | null, token: string | null): AgentReady {
  return {
    get fingerprint() {
      return own.current.fingerprint;
    },
    address,
    token,
  };
}

function addressOf(endpoint: Endpoint): string {
  return endpoint.kind === 'tcp'
    ? `${endpoint.host}:${endpoint.port}`
    : endpoint.kind === 'unix'
      ? endpoint.path
      : endpoint.kind;
}
