import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DaemonClient } from '../../src/cli/client.ts';
import type { JobView } from '../../src/contract/schemas.ts';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CLI = join(ROOT, 'src/cli/main.ts');
const AGENT = join(ROOT, 'src/guest/main.ts');

/** What tests are about is the link, unless they say otherwise. */
export const LINK_ONLY = { CAUSEWAY_COPIES_DIRECT: 'never' };

export interface Ready {
  readonly address?: string;
  readonly token?: string;
  readonly pid?: number;
}

/** A process of this project that tells on descriptor 3 when it serves. */
export class Served {
  readonly child: ChildProcess;
  readonly ready: Promise<Ready>;
  errors = '';

  constructor(script: string, args: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        '--max-semi-space-size=4',
        '--heap-growing-percent=50',
        script,
        ...args,
        '--ready-fd',
        '3',
      ],
      {
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
        // compiled code is kept between the many starts of a test run
        env: {
          NODE_COMPILE_CACHE: join(tmpdir(), 'causeway-test-code'),
          MALLOC_ARENA_MAX: '2',
          ...process.env,
          ...env,
        },
      },
    );
    this.child.stderr?.on('data', (piece: Buffer) => {
      this.errors = (this.errors + piece.toString()).slice(-8_192);
    });
    this.ready = new Promise((resolve, reject) => {
      let text = '';
      (this.child.stdio[3] as Readable).on('data', (piece: Buffer) => {
        text += piece.toString();
        if (text.includes('\n')) resolve(JSON.parse(text.split('\n')[0]!) as Ready);
      });
      this.child.once('exit', (code, signal) =>
        reject(new Error(`ended (${code ?? signal}) before it was ready: ${this.errors}`)),
      );
    });
    this.ready.catch(() => undefined); // a test that kills it before it is ready does not wait for it
  }

  get pid(): number {
    return this.child.pid!;
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.alive) return;
    const gone = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill(signal);
    await gone;
  }
}

export interface RigOptions {
  /** Data and destination live below it (default: a fresh temporary folder). */
  readonly folder?: string;
  /** Agent on a Unix socket instead of TCP with a token. */
  readonly unix?: boolean;
  readonly trustCarrier?: boolean;
  /** Puts something between the daemon and the agent: gets the agent's address, gives the one to dial. */
  readonly between?: (port: number) => Promise<number>;
  /** Copies may do without the link, which both sides could here: they run on one machine. */
  readonly direct?: boolean;
  /** More arguments of `causeway up`. */
  readonly up?: readonly string[];
  readonly agentScript?: string;
  readonly agentEnv?: Record<string, string>;
}

/** One more machine of a rig: its agent, which can be started again, and a folder on its side, its home. */
export interface Machine {
  agent: Served;
  readonly files: string;
  restart(): void;
}

/** A daemon and an agent in processes of their own, paired as the machine `vm`. */
export class Rig implements AsyncDisposable {
  readonly folder: string;
  readonly client: DaemonClient;
  readonly #options: RigOptions;
  daemon!: Served;
  agent!: Served;
  #agentPort = 0;
  readonly #machines: Machine[] = [];

  private constructor(folder: string, options: RigOptions) {
    this.folder = folder;
    this.#options = options;
    this.client = new DaemonClient(join(folder, 'host'));
  }

  static async start(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(options.folder ?? mkdtempSync(join(tmpdir(), 'causeway-rig-')), options);
    for (const name of ['host', 'guest', 'in', 'out']) mkdirSync(join(rig.folder, name), { recursive: true });
    try {
      rig.startAgent();
      rig.startDaemon();
      const ready = await rig.agent.ready;
      await rig.daemon.ready;
      await rig.#addVm(ready);
      return rig;
    } catch (failure) {
      await rig[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** A folder of the host's side. */
  get hostFiles(): string {
    return join(this.folder, 'in');
  }

  /** A folder of the guest's side. */
  get guestFiles(): string {
    return join(this.folder, 'out');
  }

  startDaemon(): void {
    const up = ['up', '--no-web', ...(this.#options.up ?? [])];
    const env = this.#options.direct ? {} : LINK_ONLY;
    this.daemon = new Served(CLI, ['--data', join(this.folder, 'host'), ...up], env);
  }

  startAgent(): void {
    const { unix, trustCarrier, agentScript = AGENT, agentEnv } = this.#options;
    const channel = unix
      ? ['--unix', join(this.folder, 'agent.sock')]
      : ['--listen', `127.0.0.1:${this.#agentPort}`];
    const trust = trustCarrier ? ['--trust-carrier'] : [];
    this.agent = new Served(
      agentScript,
      ['run', ...channel, ...trust, '--data', join(this.folder, 'guest')],
      agentEnv,
    );
  }

  /** Runs the command line against this rig's daemon. */
  async cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    return runCli(join(this.folder, 'host'), args);
  }

  startJob(
    direction: 'in' | 'out',
    source: string,
    destination: string,
    more: { lanes?: number; chunkBytes?: number; limitBytesPerSecond?: number } = {},
  ): Promise<JobView> {
    return this.client.call('startJob', {}, { direction, vm: 'vm', sources: [source], destination, ...more });
  }

  job(id: string): Promise<JobView> {
    return this.client.call('showJob', { id });
  }

  /** The job once it has ended. */
  waitJob(id: string, deadlineMs = 120_000): Promise<JobView> {
    return until(`job ${id} has ended`, deadlineMs, async () => {
      const job = await this.job(id);
      return job.endedAtMs === null ? null : job;
    });
  }

  async waitUp(name = 'vm', deadlineMs = 20_000): Promise<void> {
    await until(`the link to ${name} is up`, deadlineMs, async () =>
      (await this.client.call('showVm', { name })).state === 'up' ? true : null,
    );
  }

  /** Adds a machine with an agent of its own; on a Unix socket without TLS where `plain` is set, else on TCP. */
  async addMachine(
    name: string,
    options: { plain?: boolean; between?: (port: number) => Promise<number> } = {},
  ): Promise<Machine> {
    const files = join(this.folder, name, 'files');
    mkdirSync(files, { recursive: true });
    const path = join(this.folder, name, 'sock');
    let channel = options.plain ? ['--unix', path, '--trust-carrier'] : ['--listen', '127.0.0.1:0'];
    const home = { HOME: files };
    const start = () => new Served(AGENT, ['run', ...channel, '--data', join(this.folder, name)], home);
    const machine: Machine = {
      agent: start(),
      files,
      restart: () => {
        machine.agent = start();
      },
    };
    this.#machines.push(machine);
    const { address = '', token } = await machine.agent.ready;
    const port = Number(address.slice(address.lastIndexOf(':') + 1));
    if (!options.plain) channel = ['--listen', `127.0.0.1:${port}`];
    const dialled = options.between ? await options.between(port) : port;
    await this.client.call(
      'addVm',
      {},
      options.plain
        ? { name, endpoint: { kind: 'unix', path }, trustCarrier: true }
        : { name, endpoint: { kind: 'tcp', host: '127.0.0.1', port: dialled }, token: token! },
    );
    await this.waitUp(name);
    return machine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon?.kill();
    await this.agent?.kill();
    for (const { agent } of this.#machines) await agent.kill();
    if (this.#options.folder === undefined) rmSync(this.folder, { recursive: true, force: true });
  }

  async #addVm(ready: Ready): Promise<void> {
    if (this.#options.unix) {
      const endpoint = { kind: 'unix' as const, path: join(this.folder, 'agent.sock') };
      await this.client.call(
        'addVm',
        {},
        { name: 'vm', endpoint, trustCarrier: this.#options.trustCarrier === true },
      );
      return;
    }
    this.#agentPort = Number(ready.address!.slice(ready.address!.lastIndexOf(':') + 1));
    const port = this.#options.between ? await this.#options.between(this.#agentPort) : this.#agentPort;
    await this.client.call(
      'addVm',
      {},
      { name: 'vm', endpoint: { kind: 'tcp', host: '127.0.0.1', port }, token: ready.token! },
    );
  }
}

export async function runCli(
  dataDirectory: string,
  args: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', CLI, '--data', dataDirectory, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let out = '';
  let err = '';
  child.stdout.on('data', (piece: Buffer) => {
    out += piece.toString();
  });
  child.stderr.on('data', (piece: Buffer) => {
    err += piece.toString();
  });
  const code = await new Promise<number>((resolve) => child.once('close', (exit) => resolve(exit ?? -1)));
  return { code, out, err };
}

/** Polls until `probe` gives something; fails with `what` after the deadline. */
export async function until<T>(
  what: string,
  deadlineMs: number,
  probe: () => Promise<T | null> | T | null,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const result = await probe();
    if (result !== null) return result;
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await wait(20);
  }
}
