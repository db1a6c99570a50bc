import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../../scripts/bundle.ts';
import { DaemonClient } from '../../src/cli/client.ts';
import type { JobView, VmView } from '../../src/contract/schemas.ts';
import { type Ready, ROOT, runCli, Served, until } from '../interop/rig.ts';
import { shellQuote } from './initramfs.ts';
import { labCachePath } from './paths.ts';
import { bootLabVm, guestNodePath, guestSerialPath, guestTcpPort, type LabVm } from './vm.ts';

const CLI = join(ROOT, 'src/cli/main.ts');
/** The agent as the sources have it: for a guest under emulation its start is ten times dearer than the bundle's. */
export const AGENT_FROM_SOURCES = join(ROOT, 'bin/causeway-agent');
/** The disk of the guest is sparse: it takes the space that the copies need. */
const DATA_DISK_MIB = 8 * 1024;
const READY_LIMIT_MS = 180_000;
/** Address of this machine's loopback as the guest sees it through QEMU's user networking. */
export const HOST_FROM_GUEST = '10.0.2.2';

/** LAB_FULL=1: sizes that take an emulated machine many minutes, and over each channel what another one has shown. */
export const isFull = process.env['LAB_FULL'] === '1';

/** How daemon and agent meet: over the serial port, or over TCP, with the agent or the daemon listening. */
export type Topology = 'serial' | 'agent listens' | 'agent dials';

export interface CopyLabOptions {
  readonly topology: Topology;
  /** What runs as the agent, up to its arguments (default: the bundle, as a user gets it). */
  readonly agentCommand?: string;
  /** Serial only: the socket that the daemon uses instead of QEMU's, which is given. */
  readonly between?: (socketPath: string) => Promise<string>;
}

const machines = new Map<boolean, Promise<LabVm>>();
let agentCount = 0;

/** One VM with a data disk for each network mode and process; it ends with the process. */
export function copyLabVm(network: boolean): Promise<LabVm> {
  const known = machines.get(network);
  if (known !== undefined) return known;
  const booting = bootWithDisk(network);
  machines.set(network, booting);
  booting.catch(() => machines.delete(network)); // a later test tries again
  return booting;
}

/** The disk's image has no name once QEMU holds it, so that it goes with QEMU, however that ends. */
async function bootWithDisk(network: boolean): Promise<LabVm> {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-lab-disk-'));
  try {
    return await bootLabVm({ network, dataDiskPath: join(folder, 'data.img'), dataDiskMiB: DATA_DISK_MIB });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

let bundling: Promise<string> | null = null;

/** The command of the bundled agent. The file's name is the hash of its bytes: a guest never looks at a host's file twice. */
function bundledAgent(): Promise<string> {
  bundling ??= (async () => {
    const temporary = `${labCachePath}/agent-${process.pid}.mjs`;
    await bundle('src/guest/main.ts', temporary);
    const hash = createHash('sha256').update(readFileSync(temporary)).digest('hex').slice(0, 16);
    const path = `${labCachePath}/agent-${hash}.mjs`;
    renameSync(temporary, path);
    return `${guestNodePath} --disable-warning=ExperimentalWarning ${path}`;
  })();
  return bundling;
}

/** A daemon on this machine and an agent in the guest, paired as the machine `vm`. */
export class CopyLab implements AsyncDisposable {
  readonly vm: LabVm;
  readonly client: DaemonClient;
  /** Folder on this machine for the tests' files; the daemon's data are beside it. */
  readonly hostFiles: string;
  /** Folder on the guest's disk for the tests' files. */
  readonly guestFiles: string;
  readonly #options: CopyLabOptions;
  readonly #folder: string;
  /** On the guest's disk: the agent's keys survive a reset. */
  readonly #agentData: string;
  #daemon!: Served;
  #agentGroup = 0;
  #agentArguments = '';

  private constructor(vm: LabVm, options: CopyLabOptions) {
    this.vm = vm;
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), 'causeway-lab-copy-'));
    this.hostFiles = join(this.#folder, 'files');
    mkdirSync(this.hostFiles);
    this.client = new DaemonClient(this.#hostData);
    agentCount += 1;
    this.guestFiles = `/data/files-${agentCount}`;
    this.#agentData = `/data/agent-${agentCount}`;
  }

  static async start(options: CopyLabOptions): Promise<CopyLab> {
    const lab = new CopyLab(await copyLabVm(options.topology !== 'serial'), options);
    try {
      await lab.guest(
        `mkdir -p ${lab.guestFiles} ${lab.#agentData} && sync ${lab.guestFiles} ${lab.#agentData} /data`,
      );
      lab.startDaemon();
      await lab.#daemon.ready;
      await lab.#pair();
      await lab.waitUp();
      return lab;
    } catch (failure) {
      const log = await lab.agentLog().catch(String);
      await lab[Symbol.asyncDispose]();
      throw new Error(`the lab's copy did not start: ${log}`, { cause: failure });
    }
  }

  get #hostData(): string {
    return join(this.#folder, 'daemon');
  }

  startDaemon(): void {
    const listen = this.#options.topology === 'agent dials' ? ['--listen', '127.0.0.1:0'] : [];
    this.#daemon = new Served(CLI, ['--data', this.#hostData, 'up', ...listen]);
  }

  /** Kills the daemon with SIGKILL and starts it again. */
  async restartDaemon(): Promise<void> {
    await this.#daemon.kill();
    this.startDaemon();
    await this.#daemon.ready;
  }

  /** Runs the agent and, when it ends, runs it again, as a service manager does. */
  async startAgent(): Promise<Ready> {
    const agentCommand = this.#options.agentCommand ?? (await bundledAgent());
    const run = `${agentCommand} run ${this.#agentArguments} --data ${this.#agentData} --ready-fd 3`;
    const once = `echo $$ >/run/agent.pid; exec ${run} 3>/run/agent.ready 2>>/run/agent.log`;
    const loop = `while :; do sh -c ${shellQuote(once)}; sleep 0.2; done`;
    await this.guest('rm -f /run/agent.*'); // at once: what an agent before has told must not be read as this one's word
    const { pid } = await this.vm.exec(loop, { background: true });
    this.#agentGroup = pid ?? 0;
    const line = await until('the agent serves', READY_LIMIT_MS, async () => {
      const { stdout } = await this.vm.exec('cat /run/agent.ready 2>/dev/null');
      return stdout.endsWith('\n') ? stdout : null;
    });
    return JSON.parse(line) as Ready;
  }

  /** Kills the agent with SIGKILL; it is started again by itself. */
  async killAgent(): Promise<void> {
    await this.guest('kill -KILL $(cat /run/agent.pid)');
  }

  /** Largest resident memory so far of both processes, in bytes. */
  async peakMemory(): Promise<{ daemonBytes: number; agentBytes: number }> {
    const peak = await this.guest(
      'sed -n "s/^VmHWM:[[:space:]]*\\([0-9]*\\) kB/\\1/p" /proc/$(cat /run/agent.pid)/status',
    );
    const { peakResidentBytes } = await this.client.call('status', {});
    return { daemonBytes: peakResidentBytes, agentBytes: Number(peak) * 1024 };
  }

  async agentLog(): Promise<string> {
    return (await this.vm.exec('tail -n 20 /run/agent.log 2>&1')).stdout;
  }

  /** Runs a command in the guest, which must succeed, and gives what it printed. */
  async guest(command: string, timeoutMs = 300_000): Promise<string> {
    const { code, stdout, stderr } = await this.vm.exec(command, { timeoutMs });
    if (code !== 0) throw new Error(`exit code ${code} in the guest: ${command}\n${stderr}`);
    return stdout;
  }

  /** Runs the command line against the daemon. */
  cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    return runCli(this.#hostData, args);
  }

  startJob(direction: 'in' | 'out', source: string, destination: string): Promise<JobView> {
    return this.client.call('startJob', {}, { direction, vm: 'vm', sources: [source], destination });
  }

  /** The job's first view that fits. */
  waitJob(id: string, what: string, fits: (job: JobView) => boolean, deadlineMs = 300_000): Promise<JobView> {
    return until(`job ${id} ${what}`, deadlineMs, async () => {
      const job = await this.client.call('showJob', { id });
      return fits(job) ? job : null;
    });
  }

  async waitUp(): Promise<void> {
    await this.waitLink('up');
  }

  async waitLink(state: 'up' | 'interrupted'): Promise<void> {
    await until(`the link is ${state}`, READY_LIMIT_MS, async () =>
      (await this.link()).state === state ? true : null,
    );
  }

  link(): Promise<VmView> {
    return this.client.call('showVm', { name: 'vm' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.kill();
    if (this.#agentGroup !== 0) await this.vm.exec(`kill -KILL -${this.#agentGroup}`);
    await this.vm.exec(`rm -rf ${this.guestFiles} ${this.#agentData}`, { timeoutMs: 300_000 });
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #pair(): Promise<void> {
    switch (this.#options.topology) {
      case 'serial': {
        this.#agentArguments = `--serial ${guestSerialPath}`;
        const { between = async (path: string) => path } = this.#options;
        await this.#command('vm', 'add', 'vm', '--serial', await between(this.vm.serialSocketPath));
        await this.startAgent();
        return;
      }
      case 'agent listens': {
        this.#agentArguments = `--listen 0.0.0.0:${guestTcpPort}`;
        const { token } = await this.startAgent();
        const address = `127.0.0.1:${this.vm.forwardedTcpPort}`;
        await this.#command('vm', 'add', 'vm', '--tcp', address, '--token', token!);
        return;
      }
      case 'agent dials': {
        await this.#command('vm', 'add', 'vm', '--listen');
        const { listen } = await this.client.call('status', {});
        const address = listen!.replace(/^.*:/, `${HOST_FROM_GUEST}:`);
        const answer = await this.#command('vm', 'pair', 'vm', '--address', address, '--json');
        const { token } = JSON.parse(answer) as { token: string };
        this.#agentArguments = `--tcp ${address} --token ${token}`;
        await this.startAgent();
      }
    }
  }

  /** The command line, as a user types it; it must succeed. */
  async #command(...args: string[]): Promise<string> {
    const { code, out, err } = await this.cli(...args);
    if (code !== 0) throw new Error(`causeway ${args.join(' ')} ended with ${code}: ${err}`);
    return out;
  }
}

/** Path, kind, mode, mtime and link target of everything below a folder, and the SHA-256 of every file in it. */
const LISTING = `export LC_ALL=C; find . -printf '%P|%y|%m|%T@|%l\\n' | sort; find . -type f -print0 | sort -z | xargs -0 -r sha256sum`;

export function hostListing(path: string): string {
  return execFileSync('sh', ['-c', LISTING], { cwd: path, encoding: 'utf8', maxBuffer: 256 << 20 });
}

export function guestListing(lab: CopyLab, path: string): Promise<string> {
  return lab.guest(`cd ${shellQuote(path)} && { ${LISTING}; }`, 1_800_000);
}

export async function guestSha256(lab: CopyLab, path: string): Promise<string> {
  return (await lab.guest(`sha256sum ${shellQuote(path)}`, 1_800_000)).split(' ')[0]!;
}
