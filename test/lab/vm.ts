import { type ChildProcess, execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Accelerator, acceleratorArgs, usableAccelerator } from './accelerator.ts';
import { CommandChannel, type ExecOptions, type ExecResult } from './commands.ts';
import { buildInitramfs } from './initramfs.ts';
import { bootableKernel, findKernel } from './kernel.ts';
import { labCachePath } from './paths.ts';
import { findProgram, qemuCommand, spawnQemu, tailOf } from './qemu.ts';
import { QmpClient } from './qmp.ts';
import { labMissing } from './requirements.ts';

export { guestNodePath, labMissing } from './requirements.ts';

/** A running virtual machine. Disposing it is a power cut. */
export interface LabVm extends AsyncDisposable {
  readonly accelerator: Accelerator;
  /** Unix socket on this machine that is the other end of the guest's port `guestSerialPath`. */
  readonly serialSocketPath: string;
  /** Port on 127.0.0.1 of this machine that leads to `guestTcpPort` of the guest; null without a network. */
  readonly forwardedTcpPort: number | null;
  /** Runs a command with `sh`. A command that fails is a result, not an error. */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  /** Runs a QEMU machine protocol command, for example `stop`, `cont` or `set_link` with `{ name: 'nic', up: false }`. */
  qmp(command: string, args?: object): Promise<unknown>;
  /** Resets the machine as its reset button would; resolves when the guest takes commands again. */
  reset(): Promise<void>;
  /** What the guest's kernel printed, last lines. */
  consoleTail(): string;
}

export interface LabVmOptions {
  /** With a network the guest is 10.0.2.15 and reaches this machine's loopback at 10.0.2.2. */
  network: boolean;
  /** Raw image with ext4, mounted on /data; created when it does not exist (see `dataDiskMiB`). */
  dataDiskPath?: string;
  /** Default 1024; the file is sparse. */
  dataDiskMiB?: number;
  /** Default 1024. */
  memoryMiB?: number;
  log?: (line: string) => void;
}

/** The product's serial port in the guest. */
export const guestSerialPath = '/dev/virtio-ports/org.causeway.0';
/** The port in the guest that `forwardedTcpPort` leads to. */
export const guestTcpPort = 7000;
const bootLimitMs = 180_000;
const pollMs = 20;

/**
 * Boots a guest and resolves when it takes commands: about 5 seconds under software emulation on an idle machine.
 * @throws Error with the end of the guest's console when it does not come up
 */
export async function bootLabVm(options: LabVmOptions): Promise<LabVm> {
  const missing = labMissing();
  if (missing !== null) throw new Error(missing);
  const kernel = findKernel();
  if (kernel === null) throw new Error('the kernel has just been removed');
  mkdirSync(labCachePath, { recursive: true });
  const accelerator = await usableAccelerator();
  if (options.dataDiskPath !== undefined) createDataDisk(options.dataDiskPath, options.dataDiskMiB ?? 1024);
  // A short path: a Unix socket's is limited to 107 bytes.
  const folder = mkdtempSync(`${tmpdir()}/causeway-lab-`);
  const args = [
    ...[
      '-machine',
      'q35',
      ...acceleratorArgs(accelerator),
      '-smp',
      '2',
      '-m',
      String(options.memoryMiB ?? 1024),
    ],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', `file:${folder}/console.log`],
    ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`, '-device', 'virtio-rng-pci'],
    ...['-kernel', bootableKernel(kernel), '-initrd', buildInitramfs(kernel)],
    ...['-append', 'console=ttyS0 quiet loglevel=4 mitigations=off audit=0'],
    ...['-fsdev', 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=root,mount_tag=root', '-device', 'virtio-serial-pci'],
    ...serialPortArgs('lab', `${folder}/lab`, 'org.causeway.lab'),
    ...serialPortArgs('product', `${folder}/serial`, 'org.causeway.0'),
    ...diskArgs(options.dataDiskPath),
    ...networkArgs(options.network),
  ];
  options.log?.(`lab: ${qemuCommand} ${args.join(' ')}`);
  const vm = new RunningVm(folder, accelerator, spawnQemu(args, `${folder}/qemu.log`));
  try {
    await vm.start(options.network);
  } catch (error) {
    const text = `${vm.consoleTail()}\n${tailOf(`${folder}/qemu.log`)}`;
    await vm[Symbol.asyncDispose]();
    throw new Error(`the lab's guest did not come up: ${text}`, { cause: error });
  }
  return vm;
}

/** Makes a sparse raw image with an empty ext4, unless the file exists. */
export function createDataDisk(path: string, sizeMiB: number): void {
  if (existsSync(path)) return;
  closeSync(openSync(path, 'wx'));
  truncateSync(path, sizeMiB * 1024 * 1024);
  execFileSync(findProgram('mkfs.ext4') ?? 'mkfs.ext4', ['-q', '-F', path]);
}

function serialPortArgs(id: string, socketPath: string, name: string): string[] {
  const chardev = `socket,id=${id},path=${socketPath},server=on,wait=off`;
  return ['-chardev', chardev, '-device', `virtserialport,chardev=${id},name=${name}`];
}

function diskArgs(path: string | undefined): string[] {
  if (path === undefined) return [];
  // Commas are doubled in QEMU's option syntax.
  const drive = `file=${path.replaceAll(',', ',,')},if=none,id=data,format=raw,cache=writeback,discard=unmap`;
  return ['-drive', drive, '-device', 'virtio-blk-pci,drive=data'];
}

function networkArgs(network: boolean): string[] {
  if (!network) return ['-nic', 'none'];
  const user = `user,id=net,hostfwd=tcp:127.0.0.1:0-10.0.2.15:${guestTcpPort}`;
  return ['-netdev', user, '-device', 'virtio-net-pci,netdev=net,id=nic,romfile='];
}

class RunningVm implements LabVm {
  readonly accelerator: Accelerator;
  readonly serialSocketPath: string;
  forwardedTcpPort: number | null = null;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;
  #ended = false;
  #commands: CommandChannel | null = null;
  #qmp: QmpClient | null = null;
  readonly #sockets: Socket[] = [];
  #pending = 0;
  readonly #onProcessExit = () => this.#destroy();

  constructor(folder: string, accelerator: Accelerator, child: ChildProcess) {
    this.#folder = folder;
    this.accelerator = accelerator;
    this.serialSocketPath = `${folder}/serial`;
    this.#child = child;
    this.#exit = new Promise((resolve) => {
      const onEnd = () => {
        this.#ended = true;
        this.#commands?.end(new Error('QEMU ended'));
        resolve();
      };
      child.once('exit', onEnd).once('error', onEnd);
    });
    process.once('exit', this.#onProcessExit);
  }

  async start(network: boolean): Promise<void> {
    await this.#whileBusy(async () => {
      this.#commands = new CommandChannel(await this.#connect(`${this.#folder}/lab`));
      this.#qmp = new QmpClient(await this.#connect(`${this.#folder}/qmp`));
      await this.#qmp.run('qmp_capabilities');
      if (network) this.forwardedTcpPort = await this.#findForwardedPort();
      await this.#guestReady();
    });
  }

  exec(command: string, options?: ExecOptions): Promise<ExecResult> {
    return this.#whileBusy(() => this.#running().commands.exec(command, options));
  }

  qmp(command: string, args?: object): Promise<unknown> {
    return this.#whileBusy(() => this.#running().qmp.run(command, args));
  }

  reset(): Promise<void> {
    return this.#whileBusy(async () => {
      const { commands, qmp } = this.#running();
      commands.expectBoot();
      await qmp.run('system_reset');
      await this.#guestReady();
    });
  }

  consoleTail(): string {
    return tailOf(`${this.#folder}/console.log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#onProcessExit);
    this.#child.ref();
    this.#destroy();
    await this.#exit;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#ended) this.#child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #running(): { commands: CommandChannel; qmp: QmpClient } {
    if (this.#commands === null || this.#qmp === null) throw new Error('the VM is not started');
    return { commands: this.#commands, qmp: this.#qmp };
  }

  /** Keeps this process alive only while something is asked of the VM, so that an idle shared VM ends with the tests. */
  async #whileBusy<T>(work: () => Promise<T>): Promise<T> {
    if (this.#pending++ === 0) this.#handles('ref');
    try {
      return await work();
    } finally {
      if (--this.#pending === 0) this.#handles('unref');
    }
  }

  #handles(change: 'ref' | 'unref'): void {
    this.#child[change]();
    for (const socket of this.#sockets) socket[change]();
  }

  async #connect(path: string): Promise<Socket> {
    const deadline = performance.now() + bootLimitMs;
    for (;;) {
      if (this.#ended) throw new Error('QEMU ended');
      const socket = createConnection(path);
      const error = await new Promise<Error | null>((resolve) => {
        socket.once('connect', () => resolve(null)).once('error', resolve);
      });
      if (error === null) {
        this.#sockets.push(socket);
        return socket;
      }
      if (performance.now() > deadline) throw error;
      await delay(pollMs);
    }
  }

  async #findForwardedPort(): Promise<number> {
    const table = String(
      await this.#running().qmp.run('human-monitor-command', { 'command-line': 'info usernet' }),
    );
    const port = /TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s/.exec(table)?.[1];
    if (port === undefined) throw new Error(`QEMU forwards no port: ${table}`);
    return Number(port);
  }

  /** Waits for the guest to take commands, and not longer than it makes sense to. */
  async #guestReady(): Promise<void> {
    const stop = new AbortController();
    const ready = this.#running().commands.ready();
    try {
      await Promise.race([ready, this.#guestFailed(stop.signal)]);
    } finally {
      stop.abort();
    }
  }

  async #guestFailed(stop: AbortSignal): Promise<void> {
    const deadline = performance.now() + bootLimitMs;
    while (!stop.aborted) {
      const failure = /LAB-FAILED.*|Kernel panic.*/.exec(this.consoleTail());
      if (failure !== null) throw new Error(failure[0]);
      if (performance.now() > deadline)
        throw new Error(`the guest took no commands within ${bootLimitMs} ms`);
      await delay(pollMs * 10);
    }
  }
}
