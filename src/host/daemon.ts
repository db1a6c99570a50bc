import type { FastifyInstance } from 'fastify';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { joinAbsolute } from '../base/path.ts';
import { StateFile } from '../config/state_file.ts';
import type { PartView } from '../contract/part_schemas.ts';
import type { StatusView } from '../contract/schemas.ts';
import { OwnKeys } from '../link/session/own_keys.ts';
import type { PairingTokens } from '../link/session/pairing.ts';
import { openPairingTokens } from '../link/session/pairing_file.ts';
import { TrustStore } from '../link/session/trust_store.ts';
import { EventHub } from '../service/event_hub.ts';
import { OnceOnly } from '../service/once_only.ts';
import type { ServiceParts } from '../service/ports.ts';
import { Service } from '../service/service.ts';
import { knowing } from '../tree/index/known_files.ts';
import { PROTOCOL_VERSIONS } from '../wire/hello.ts';
import type { Argon2Cost, Cryptography } from '../world/cryptography.ts';
import type { Database } from '../world/database.ts';
import type { Dir } from '../world/disk.ts';
import type { OpenFolderHints } from '../world/folder_hints.ts';
import type { ServeHttp } from '../world/http.ts';
import type { LocalTime } from '../world/local_time.ts';
import type { Mounts } from '../world/mounts.ts';
import type { WebPlatform } from '../world/node/web_platform.ts';
import type { World } from '../world/world.ts';
import { Access } from './access.ts';
import { serveApi } from './api_server.ts';
import { CopyRates } from './copy_rates.ts';
import { DaemonSettings } from './daemon_settings.ts';
import { refuseSecondDaemon, removeStaleSocket, SOCKET_NAME } from './daemon_socket.ts';
import { type DialInServer, serveDialIn } from './dial_in.ts';
import { Discovery } from './discovery.ts';
import { eventSources } from './event_sources.ts';
import { HostFiles } from './host_files.ts';
import { JobGroups } from './job_groups.ts';
import { importFormerJobs } from './job_import.ts';
import { JobManager } from './job_manager.ts';
import { linkBuild } from './link_build.ts';
import { LinkUpdates } from './link_updates.ts';
import { Machines } from './machines.ts';
import { Metrics } from './metrics/metrics.ts';
import { Notifiers } from './notify/notifiers.ts';
import { NotifyMemory, NotifyWatch } from './notify/notify_watch.ts';
import { type RunningPart, SupervisedPart } from './parts/supervised_part.ts';
import { type SmbOptions, sambaOf } from './samba_of.ts';
import { ShareMounts } from './share_mounts.ts';
import { ShareRecords } from './share_records.ts';
import { ShareSignIn } from './share_sign_in.ts';
import { ShareStore } from './share_store.ts';
import { ShareWatches } from './share_watches.ts';
import { type ShareListen, Shares } from './shares.ts';
import { SqlAnswerStore } from './sql_answer_store.ts';
import { SqlJobStore } from './sql_job_store.ts';
import { migrateState, STATE_FILE_NAME } from './state_database.ts';
import { Uploads } from './uploads/uploads.ts';
import { VmFiles } from './vm_files.ts';
import { VmMounts } from './vm_mounts.ts';
import { VmStore } from './vm_store.ts';
import { loadWebIdentity } from './web_identity.ts';
import { type WebListen, WebServer, type WebServerParts } from './web_server.ts';

export const VERSION = '0.1.0';
export { SOCKET_NAME } from './daemon_socket.ts';

/** What a daemon stands on. */
export interface DaemonGround {
  readonly world: World;
  readonly dataDirectory: string;
  readonly buildId: string;
  readonly openDatabase: (path: string) => Promise<Database>;
  readonly localTime: LocalTime;
}

export interface DaemonOptions extends DaemonGround {
  /** `HOST:PORT` for agents that dial in, or null. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  /** What the copies share, in each direction, with everything else that this daemon sends; null: as fast as it goes. */
  readonly limitBytesPerSecond: number | null;
  readonly web: WebOptions;
  /** What this machine offers to mounts; absent: none are made. */
  readonly mounts?: Mounts;
  /** Absent: the defaults, which nobody can change. */
  readonly settings?: DaemonSettings;
}

export interface WebOptions {
  readonly platform: WebPlatform;
  readonly crypto: Cryptography;
  /** Where the console and the API are served by HTTPS; null: on the Unix socket only. */
  readonly listen: WebListen | null;
  readonly consoleFolder: string;
  /** What a password check costs, where it is not the usual. */
  readonly passwordCost?: Argon2Cost;
  /** Absent: shares are kept and not served. */
  readonly shares?: { readonly serve: ServeHttp; readonly listen: ShareListen };
  /** Absent: changes in shares are found by looking at everything again and again. */
  readonly folderHints?: { readonly open: OpenFolderHints; readonly hintsMax?: number };
  /** Absent: nothing is served by SMB. */
  readonly smb?: SmbOptions;
}

interface DaemonParts {
  readonly dir: Dir;
  readonly database: Database;
  readonly keys: OwnKeys;
  readonly trust: TrustStore;
  readonly tokens: PairingTokens;
  readonly machines: Machines;
  readonly jobs: JobManager;
  readonly access: Access;
  readonly metrics: Metrics;
  readonly settings: DaemonSettings;
  readonly uploads: Uploads;
}

/** The host daemon: everything of one data directory, from its keys to its API. */
export class Daemon implements AsyncDisposable {
  readonly machines: Machines;
  readonly jobs: JobManager;
  readonly groups: JobGroups;
  readonly shares: Shares;
  readonly mounts: VmMounts;
  readonly notifiers: Notifiers;
  readonly stopRequested: Promise<void>;
  readonly requestStop: () => void;
  readonly socketPath: string;
  readonly #shareMounts: ShareMounts;
  readonly #options: DaemonOptions;
  readonly #parts: DaemonParts;
  readonly #startedMs: number;
  #api: FastifyInstance | null = null;
  #closing = false;
  #web: SupervisedPart<WebServer> | null = null;
  #sampling: SupervisedPart | null = null;
  #events: EventHub | null = null;
  #dialIn: SupervisedPart<DialInServer> | null = null;
  readonly #notifyMemory = new NotifyMemory();
  #notifier: SupervisedPart | null = null;
  #scheduler: SupervisedPart | null = null;
  #dialer: SupervisedPart | null = null;

  private constructor(options: DaemonOptions, parts: DaemonParts) {
    this.#options = options;
    this.#parts = parts;
    this.machines = parts.machines;
    this.jobs = parts.jobs;
    this.groups = new JobGroups(options.world.random, parts.jobs);
    this.socketPath = joinAbsolute(options.dataDirectory, SOCKET_NAME);
    this.#shareMounts = shareMountsOf(options, parts);
    this.shares = sharesOf(options, parts, this.#shareMounts);
    this.mounts = mountsOf(options, parts, this.#shareMounts);
    this.notifiers = notifiersOf(options, parts);
    this.#startedMs = options.world.clock.monotonicMs();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopRequested = promise;
    this.requestStop = resolve;
  }

  /** Opens the data directory and starts all parts. CW_DAEMON_RUNNING, CW_DAEMON_STATE, CW_DISK_*. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { world, dataDirectory } = options;
    await refuseSecondDaemon(world, joinAbsolute(dataDirectory, SOCKET_NAME));
    const dir = await world.disk.openRoot(dataDirectory);
    const daemon = await Daemon.#assemble(options, dir).catch(async (failure) => {
      await dir.close();
      throw failure;
    });
    try {
      await removeStaleSocket(dir);
      await daemon.jobs.load();
      daemon.#parts.uploads.begin(daemon.jobs);
      await daemon.notifiers.load();
      await daemon.shares.start();
      await daemon.#serve(dir);
      daemon.#dialer = await daemon.#keep('dialer', async () => daemon.machines.dialer.start());
      daemon.machines.startAll();
      await daemon.mounts.start();
      await daemon.shares.showAll();
      if (options.listen !== null) await daemon.#listenToAgents(options.listen);
      daemon.#notifier = await daemon.#keep('notifier', async () => daemon.#watchForNotifiers());
      daemon.#scheduler = await daemon.#keep('scheduler', async () => daemon.jobs.begin());
      return daemon;
    } catch (failure) {
      await daemon.close();
      throw failure;
    }
  }

  static async #assemble(options: DaemonOptions, dir: Dir): Promise<Daemon> {
    const { world, dataDirectory, buildId, openDatabase, localTime } = options;
    const keys = await OwnKeys.open(world, dir, dataDirectory);
    const trust = await TrustStore.open(world, dir, dataDirectory);
    const tokens = await openPairingTokens(world, dir, dataDirectory);
    const vms = await VmStore.open(dir, dataDirectory);
    const copying = knowing(world, dataDirectory);
    const machines = new Machines({ world: copying, store: vms, trust, tokens, keys, buildId });
    const database = await openDatabase(joinAbsolute(dataDirectory, STATE_FILE_NAME));
    const settings = options.settings ?? DaemonSettings.defaults();
    let access: Access | null = null;
    let uploads: Uploads | null = null;
    try {
      access = await Access.open(world, options.web, dir, dataDirectory, settings);
      await migrateState(database, world.clock.wallMs());
      const store = new SqlJobStore(database);
      await importFormerJobs(dir, dataDirectory, store);
      const weightOf = (vm: string) => machines.weightOf(vm);
      const limit = options.limitBytesPerSecond;
      const rates = limit === null ? undefined : new CopyRates(world.clock, limit, weightOf);
      const { deviceId } = keys;
      const defaults = () => settings.copyDefaults();
      uploads = await Uploads.open(world, dir, dataDirectory);
      const jobs = new JobManager({
        ...{ world: copying, machines, store, localTime, deviceId, rates, uploads, defaults },
      });
      const metrics = new Metrics({
        world,
        facts: {
          version: VERSION,
          buildId,
          protocol: PROTOCOL_VERSIONS.max,
          startedMs: world.clock.monotonicMs(),
        },
        dataDirectory,
        database,
        machines,
        jobs,
        rates: rates ?? null,
        access,
      });
      const state = { dir, database, keys, trust, tokens, settings };
      return new Daemon(options, { ...state, machines, jobs, access, metrics, uploads });
    } catch (failure) {
      await uploads?.close();
      await access?.close();
      await database.close();
      throw failure;
    }
  }

  /** The API on the socket, and by HTTPS where that is asked for. */
  async #serve(dir: Dir): Promise<void> {
    const { world, dataDirectory, web } = this.#options;
    const { access } = this.#parts;
    const sources = eventSources(this.jobs, this.machines, access);
    this.#events = new EventHub(world.clock, this.machines, sources);
    const parts: ServiceParts = {
      clock: world.clock,
      identity: access.identity,
      allow: access.allow,
      trail: access.trail,
      machines: this.machines,
      agents: this.#agents(),
      keys: this.machines.keyChanges,
      discovery: new Discovery(world, () => this.machines.views()),
      jobs: this.jobs,
      groups: this.groups,
      shares: this.shares,
      mounts: this.mounts,
      daemon: this,
      metrics: this.#parts.metrics,
      notifiers: this.notifiers,
      settings: this.#parts.settings,
      files: new HostFiles(world),
      vmFiles: new VmFiles(this.machines, world.clock),
      uploads: this.#parts.uploads,
    };
    const events = this.#events;
    const answers = new SqlAnswerStore(this.#parts.database, access.vault, world.clock);
    const once = new OnceOnly(answers, world.random);
    this.#parts.metrics.attach(
      this.shares,
      this.mounts,
      this.notifiers,
      () => events.readers,
      () => this.parts(),
    );
    this.#sampling = await this.#keep('metrics', async () => this.#parts.metrics.sampler());
    const service = new Service(parts, events, once);
    this.#api = await serveApi(service, this.socketPath, web.platform);
    if (web.listen === null) return;
    const place = { dir, dirPath: dataDirectory };
    const identity = await loadWebIdentity(world, web.platform, place, web.listen.host);
    await this.#serveConsole({ world, service, identity, ...web, listen: web.listen });
  }

  /** Where it ends it is served again at the same port, which people have open. */
  async #serveConsole(parts: WebServerParts): Promise<void> {
    let { listen } = parts;
    const start = async (): Promise<WebServer> => {
      const server = await WebServer.start({ ...parts, listen });
      listen = { ...listen, port: server.port, isDefault: false };
      return server;
    };
    this.#web = new SupervisedPart({ name: 'console', clock: parts.world.clock, start });
    await this.#web.begin();
  }

  /** Where it ends it listens again at the same port, which agents know. */
  async #listenToAgents(listen: NonNullable<DaemonOptions['listen']>): Promise<void> {
    const { world, buildId } = this.#options;
    const { keys, trust, tokens } = this.#parts;
    const { machines } = this;
    let { port } = listen;
    const start = async (): Promise<DialInServer> => {
      const { host } = listen;
      const server = await serveDialIn(world, { host, port, keys, trust, tokens, buildId, machines });
      port = server.port;
      machines.listening(server.address);
      return server;
    };
    this.#dialIn = new SupervisedPart({ name: 'agents', clock: world.clock, start });
    await this.#dialIn.begin();
  }

  /** What is started again by itself where it ends. */
  parts(): PartView[] {
    const kept = [this.#dialIn, this.#web, this.#dialer, this.#sampling, this.#notifier, this.#scheduler];
    const views = kept.map((part) => part?.view() ?? null);
    return [...views, ...this.shares.parts()].filter((view) => view !== null);
  }

  async #keep(name: PartView['name'], start: () => Promise<RunningPart>): Promise<SupervisedPart> {
    const part = new SupervisedPart({ name, clock: this.#options.world.clock, start });
    await part.begin();
    return part;
  }

  #agents(): LinkUpdates {
    const { world, dataDirectory } = this.#options;
    return new LinkUpdates({
      world,
      machines: this.machines,
      keys: this.#parts.keys,
      build: (modulePath) => linkBuild(dataDirectory, modulePath),
      copyWith: (vm) => this.jobs.active().find((job) => job.vm === vm || job.fromVm === vm)?.id ?? null,
    });
  }

  #watchForNotifiers(): NotifyWatch {
    const { metrics, access } = this.#parts;
    return new NotifyWatch({
      clock: this.#options.world.clock,
      jobs: this.jobs,
      machines: this.machines,
      trail: access.trail,
      tell: (happening) => this.notifiers.tell(happening),
      onAuditCheck: (listener) => metrics.onAuditCheck(listener),
      noteAuditCheck: (isSound) => metrics.auditChecked(isSound),
      memory: this.#notifyMemory,
    });
  }

  /** Who people are, and what is recorded of them. */
  get access(): Access {
    return this.#parts.access;
  }

  /** Where the console is, without a slash at its end; null where none is served. */
  consoleUrl(): string | null {
    return this.#web?.running?.url ?? null;
  }

  /** Looks whether the state can be read, and whether it is being stopped. */
  async unready(): Promise<string | null> {
    if (this.#closing) return 'the daemon is being stopped';
    try {
      await this.#parts.database.read({ sql: 'SELECT 1' });
      return null;
    } catch (failure) {
      return asCausewayError(failure).message;
    }
  }

  async status(): Promise<StatusView> {
    const { world, buildId, dataDirectory } = this.#options;
    const usage = world.process.usage();
    return {
      version: VERSION,
      buildId,
      protocolVersion: PROTOCOL_VERSIONS.max,
      pid: world.process.info.pid,
      uptimeMs: world.clock.monotonicMs() - this.#startedMs,
      dataDirectory,
      fingerprint: this.#parts.keys.current.fingerprint,
      deviceId: this.#parts.keys.deviceId,
      listen: this.#dialIn?.running?.address ?? null,
      web: (await this.#web?.running?.view()) ?? null,
      parts: this.parts(),
      limitBytesPerSecond: this.#options.limitBytesPerSecond,
      residentBytes: usage.residentBytes,
      peakResidentBytes: usage.peakResidentBytes,
      vms: this.machines.views(),
      activeJobs: this.jobs.active(),
    };
  }

  /** Stops everything; running copies go on when the daemon is started again. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#sampling?.close();
    await this.#parts.metrics.close();
    await this.#notifier?.close();
    await this.#scheduler?.close();
    await this.jobs.close();
    await this.notifiers.close();
    this.#events?.close();
    await this.mounts.close();
    await this.#shareMounts.close();
    await this.shares.close();
    await this.#web?.close();
    await this.#api?.close();
    await this.#parts.uploads.close();
    await this.#dialIn?.close();
    await this.#dialer?.close();
    await this.machines.close();
    await this.#parts.access.close();
    await this.#parts.database.close();
    await this.#parts.dir.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function notifiersOf({ world, web }: DaemonOptions, parts: DaemonParts): Notifiers {
  const { database, access, metrics } = parts;
  return new Notifiers({
    world,
    clock: world.clock,
    outbound: web.platform.outbound,
    crypto: web.crypto,
    database,
    vault: access.vault,
    onResult: (name, result, times) => metrics.notified(name, result, times),
  });
}

function shareMountsOf(options: DaemonOptions, { machines, dir }: DaemonParts): ShareMounts {
  const leftovers = new StateFile(dir, options.dataDirectory, 'mounts-left.json');
  return new ShareMounts({ world: options.world, machines, mounts: options.mounts ?? null, leftovers });
}

function mountsOf(options: DaemonOptions, parts: DaemonParts, shown: ShareMounts): VmMounts {
  const { world, dataDirectory, web, mounts = null } = options;
  const keys = { seal: parts.access.vault, crypto: web.crypto };
  const wantedAt = (vm: string) => shown.wantedAt(vm);
  const { machines, dir } = parts;
  return new VmMounts({ world, machines, mounts, wantedAt, keys }, dir, dataDirectory);
}

function sharesOf(
  { world, dataDirectory, web }: DaemonOptions,
  parts: DaemonParts,
  mounts: ShareMounts,
): Shares {
  const { shares } = web;
  const { access, database, dir, settings } = parts;
  const { identity, passwords, allow } = access;
  const records = new ShareRecords({
    trail: access.trail,
    clock: world.clock,
    reads: () => settings.get('audit.shareReads'),
  });
  return new Shares({
    world,
    store: new ShareStore(database),
    ways: {
      mounts,
      samba: sambaOf({ world, dataDirectory, web }, allow, (signIn) => records.smbSignIn(signIn)),
      watches: new ShareWatches({
        world,
        openHints: web.folderHints?.open ?? (() => null),
        hintsMax: web.folderHints?.hintsMax,
      }),
    },
    dataDirectory,
    passwords,
    userNamed: (name) => {
      const user = identity.users.byName(name);
      if (user === null) throw new CausewayError('CW_USER_UNKNOWN', `there is no user ${name}`);
      return user.name;
    },
    serving: {
      signIn: new ShareSignIn({ world, passwords, identity }),
      records,
      permits: (address) => allow.permits(address),
      measure: (name, request, reply) => parts.metrics.shareMeter.measured(name, request, reply),
    },
    server: shares
      ? {
          ...shares,
          identity: () =>
            loadWebIdentity(world, web.platform, { dir, dirPath: dataDirectory }, shares.listen.host),
        }
      : null,
  });
}
