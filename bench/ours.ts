/**
 * Causeway as a peer of its own benchmark: a daemon, a guest agent and `causeway cp`, started as a user would.
 * Everything the bench knows about the command line is in this file.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { CaseKind, CopyRun, Peer } from './peer.ts';
import { freePort, Server, Unavailable } from './server.ts';
import { plainEnv, versionLine } from './tools.ts';
import type { Workplace } from './workplace.ts';

const ROOT = resolve(import.meta.dirname, '..');
const CAUSEWAY = join(ROOT, 'bin', 'causeway');
const AGENT = join(ROOT, 'bin', 'causeway-agent');
const STEP_LIMIT_MS = 30_000;

/** The pairing token in what the agent prints. */
export function findToken(output: string): string | null {
  return /\bcw\d+-[\w-]{20,}/.exec(output)?.[0] ?? null;
}

/** Runs a command of the CLI to its end. @throws Unavailable with the end of its standard error. */
async function step(argv: readonly string[], env: Record<string, string>): Promise<void> {
  const [file = '', ...args] = argv;
  try {
    await promisify(execFile)(file, args, { env, timeout: STEP_LIMIT_MS });
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const command = argv.map((word) => word.replace(ROOT, '.')).join(' ');
    throw new Unavailable(`\`${command}\` failed: ${(stderr?.trim() || message).slice(-500)}`);
  }
}

/** One daemon, shared by both variants. */
export class OurDaemon {
  readonly dataFolder: string;
  readonly env: Record<string, string>;
  #server: Server | null = null;
  #starting: Promise<void> | null = null;
  #users = 0;

  constructor(place: Workplace) {
    this.dataFolder = join(place.config, 'daemon');
    this.env = { ...plainEnv(place.config), CAUSEWAY_DATA: this.dataFolder };
  }

  get pid(): number {
    return this.#server?.pid ?? 0;
  }

  /** The first caller starts it, the others share it, or its failure. */
  acquire(): Promise<void> {
    this.#users++;
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    for (const program of [CAUSEWAY, AGENT]) {
      if (!existsSync(program)) throw new Unavailable(`${program.replace(ROOT, '.')} does not exist`);
    }
    await this.#startOnce();
    mkdirSync(this.dataFolder, { recursive: true, mode: 0o700 });
    const argv = [CAUSEWAY, 'up', '--data', this.dataFolder, '--ready-fd', '3'];
    const server = new Server('causeway up', argv, this.env, 1);
    this.#server = server;
    let ready = false;
    server.pipe(3).on('data', () => {
      ready = true;
    });
    await server.until(() => ready);
  }

  /**
   * A daemon and an agent that only start and end, with data of their own: compiled code is kept from then on, as it is on
   * any machine but at the first start of a version.
   */
  async #startOnce(): Promise<void> {
    const data = `${this.dataFolder}-first`;
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const agentArgs = ['--unix', join(data, 'sock'), '--data', join(data, 'agent')];
    for (const argv of [
      [CAUSEWAY, 'up', '--data', data, '--ready-fd', '3'],
      [AGENT, 'run', ...agentArgs, '--ready-fd', '3'],
    ]) {
      const server = new Server('the first start', argv, this.env, 1);
      let ready = false;
      server.pipe(3).on('data', () => {
        ready = true;
      });
      try {
        await server.until(() => ready);
      } finally {
        await server.stop();
      }
    }
  }

  async release(): Promise<void> {
    this.#users--;
    if (this.#users > 0) return;
    await this.#server?.stop();
    this.#server = null;
    this.#starting = null;
  }
}

/** What tells one from the others. */
interface Variant {
  readonly name: string;
  readonly note: string;
  readonly vm: string;
  /** Whether it does without the link, which daemon and agent could on one machine. */
  readonly direct: 'always' | 'never';
}

interface Carrier extends Variant {
  readonly kinds: readonly CaseKind[];
  /** It is reached through the file system, whatever network is between the two sides. */
  readonly shared: boolean;
  /** Arguments of `causeway-agent run`, beside `--data`. */
  readonly agentArgs: () => Promise<string[]>;
  /** Whether the agent accepts connections yet. */
  readonly ready: (output: string) => boolean;
  /** Arguments of `causeway vm add NAME`, once the agent is ready. */
  readonly addArgs: (output: string) => string[];
}

function overCarrier(place: Workplace, daemon: OurDaemon, carrier: Carrier): Peer {
  const agentFolder = join(place.config, `agent-${carrier.vm}`);
  let agent: Server | null = null;
  let acquired = false;
  return {
    name: carrier.name,
    note: carrier.note,
    kinds: carrier.kinds,
    updates: true,
    local: carrier.shared,
    async start() {
      acquired = true;
      await daemon.acquire();
      mkdirSync(agentFolder, { recursive: true, mode: 0o700 });
      const words = [AGENT, 'run', ...(await carrier.agentArgs()), '--data', agentFolder];
      const argv = carrier.shared ? words : place.network.enter(words);
      const started = new Server('causeway-agent', argv, plainEnv(place.config));
      agent = started;
      // Some agents print the token, others leave it in their data folder only.
      const tokenFile = join(agentFolder, 'pairing-token');
      const said = () => (existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8') : started.output);
      await started.until(() => carrier.ready(said()));
      await step([CAUSEWAY, 'vm', 'add', carrier.vm, ...carrier.addArgs(said())], daemon.env);
    },
    version: () => versionLine([CAUSEWAY, '--version']),
    command: ({ kind, source, destination }: CopyRun) => ({
      argv:
        kind === 'usage'
          ? [CAUSEWAY, '--help']
          : [CAUSEWAY, 'cp', '--direct', carrier.direct, source, `${carrier.vm}:${destination}/`],
      env: daemon.env,
    }),
    servers: () => [
      { label: 'daemon', pid: daemon.pid },
      ...(agent ? [{ label: 'agent', pid: agent.pid }] : []),
    ],
    async stop() {
      await agent?.stop();
      agent = null;
      if (acquired) await daemon.release();
      acquired = false;
    },
  };
}

/** Over TCP with mutual TLS 1.3. */
export function oursTlsPeer(place: Workplace, daemon: OurDaemon): Peer {
  let address = '';
  return overCarrier(place, daemon, {
    name: 'ours-tls',
    note: 'TCP, TLS 1.3, every byte hashed, flushed before done',
    vm: 'bench',
    kinds: ['file', 'tree', 'usage'],
    shared: false,
    direct: 'never',
    agentArgs: async () => {
      address = `${place.network.host}:${await freePort()}`;
      return ['--listen', address];
    },
    ready: (output) => findToken(output) !== null,
    addArgs: (output) => ['--tcp', address, '--token', findToken(output) ?? ''],
  });
}

/** Over a local Unix socket without TLS. */
export function oursPlainPeer(place: Workplace, daemon: OurDaemon): Peer {
  const note = 'Unix socket, no TLS, every byte hashed, flushed before done';
  return overSocket(place, daemon, { name: 'ours-plain', note, vm: 'bench-plain', direct: 'never' });
}

/** Beside it, the bytes by the kernel, as both sides are on one machine. */
export function oursDirectPeer(place: Workplace, daemon: OurDaemon): Peer {
  const note = 'without the link (--direct always), every byte compared or hashed, flushed before done';
  return overSocket(place, daemon, { name: 'ours-direct', note, vm: 'bench-direct', direct: 'always' });
}

function overSocket(place: Workplace, daemon: OurDaemon, variant: Variant): Peer {
  const socket = join(place.config, `${variant.vm}.sock`);
  return overCarrier(place, daemon, {
    ...variant,
    kinds: ['file', 'tree'],
    shared: true,
    agentArgs: async () => ['--unix', socket, '--trust-carrier'],
    ready: () => existsSync(socket),
    addArgs: () => ['--unix', socket, '--trust-carrier'],
  });
}
