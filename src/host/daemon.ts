import type { FastifyInstance } from 'fastify';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { joinAbsolute } from '../base/path.ts';
import type { StatusView } from '../contract/schemas.ts';
import { loadIdentity } from '../link/session/identity_store.ts';
import { openPairingTokens } from '../link/session/pairing_file.ts';
import { TrustStore } from '../link/session/trust_store.ts';
import { PROTOCOL_VERSIONS } from '../wire/hello.ts';
import type { Dir } from '../world/disk.ts';
import type { TlsIdentity } from '../world/net.ts';
import type { World } from '../world/world.ts';
import { serveApi } from './api_server.ts';
import { type DialInServer, serveDialIn } from './dial_in.ts';
import { JobManager } from './job_manager.ts';
import { JobStore } from './job_store.ts';
import { Machines } from './machines.ts';
import { VmStore } from './vm_store.ts';

export const VERSION = '0.1.0';
export const SOCKET_NAME = 'daemon.sock';

export interface DaemonOptions {
  readonly world: World;
  readonly dataDirectory: string;
  readonly buildId: string;
  /** `HOST:PORT` for agents that dial in, or null. */
  readonly listen: { readonly host: string; readonly port: number } | null;
}

/** The host daemon: everything of one data directory, from its keys to its API. */
export class Daemon implements AsyncDisposable {
  readonly machines: Machines;
  readonly jobs: JobManager;
  readonly stopRequested: Promise<void>;
  readonly requestStop: () => void;
  readonly socketPath: string;
  readonly #options: DaemonOptions;
  readonly #identity: TlsIdentity;
  readonly #dir: Dir;
  readonly #startedMs: number;
  #api: FastifyInstance | null = null;
  #dialIn: DialInServer | null = null;

  private constructor(options: DaemonOptions, parts: { dir: Dir; identity: TlsIdentity; machines: Machines; jobs: JobManager }) {
    this.#options = options;
    this.#dir = parts.dir;
    this.#identity = parts.identity;
    this.machines = parts.machines;
    this.jobs = parts.jobs;
    this.socketPath = joinAbsolute(options.dataDirectory, SOCKET_NAME);
    this.#startedMs = options.world.clock.monotonicMs();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopRequested = promise;
    this.requestStop = resolve;
  }

  /** Opens the data directory and starts all parts. CW_DAEMON_RUNNING, CW_DAEMON_STATE, CW_DISK_*. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { world, dataDirectory, buildId } = options;
    await refuseSecondDaemon(world, joinAbsolute(dataDirectory, SOCKET_NAME));
    const dir = await world.disk.openRoot(dataDirectory);
    try {
      const identity = await loadIdentity(world, dir, dataDirectory);
      const trust = await TrustStore.open(world, dir, dataDirectory);
      const tokens = await openPairingTokens(world, dir, dataDirectory);
      const store = await VmStore.open(dir, dataDirectory);
      const machines = new Machines({ world, store, trust, tokens, identity, buildId });
      const jobStore = await JobStore.open(dir, dataDirectory);
      const jobs = new JobManager({ world, machines, store: jobStore, deviceId: identity.fingerprint });
      const daemon = new Daemon(options, { dir, identity, machines, jobs });
      machines.startAll();
      if (options.listen !== null) {
        daemon.#dialIn = await serveDialIn(world, { ...options.listen, identity, trust, tokens, buildId, machines });
        machines.listening(daemon.#dialIn.address);
      }
      daemon.#api = await serveApi(daemon, daemon.socketPath);
      jobs.resumeStored();
      return daemon;
    } catch (failure) {
      await dir.close();
      throw failure;
    }
  }

  status(): StatusView {
    const { world, buildId, dataDirectory } = this.#options;
    const usage = world.process.usage();
    return {
      version: VERSION,
      buildId,
      protocolVersion: PROTOCOL_VERSIONS.max,
      pid: world.process.info.pid,
      uptimeMs: world.clock.monotonicMs() - this.#startedMs,
      dataDirectory,
      fingerprint: this.#identity.fingerprint,
      listen: this.#dialIn?.address ?? null,
      residentBytes: usage.residentBytes,
      peakResidentBytes: usage.peakResidentBytes,
      vms: this.machines.views(),
      activeJobs: this.jobs.active(),
    };
  }

  /** Stops everything; running copies go on when the daemon is started again. */
  async close(): Promise<void> {
    await this.jobs.close();
    await this.#api?.close();
    await this.#dialIn?.close();
    await this.machines.close();
    await this.#dir.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A socket on which somebody answers belongs to a running daemon; one that is left over does not matter. */
async function refuseSecondDaemon(world: World, socketPath: string): Promise<void> {
  try {
    const conn = await world.net.dial({ kind: 'unix', path: socketPath }, { timeoutMs: 1_000 });
    await conn.close();
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_LINK_REFUSED') return;
    throw failure;
  }
  throw new CausewayError('CW_DAEMON_RUNNING', `a daemon answers at ${socketPath}`);
}
