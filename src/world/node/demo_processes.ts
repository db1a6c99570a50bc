import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { CausewayError } from '../../base/errors.ts';

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

interface Ready {
  readonly pid?: number;
  readonly address?: string;
  readonly token?: string;
}

/** A daemon and a guest agent as processes of their own, in a folder of their own, for trying things out. */
export class DemoProcesses implements AsyncDisposable {
  readonly #folder: string;
  readonly #host: ChildProcess;
  readonly #guest: ChildProcess;
  readonly token: string;
  readonly agentAddress: { readonly host: string; readonly port: number };

  private constructor(
    folder: string,
    host: ChildProcess,
    guest: ChildProcess,
    ready: Required<Pick<Ready, 'address' | 'token'>>,
  ) {
    this.#folder = folder;
    this.#host = host;
    this.#guest = guest;
    this.token = ready.token;
    const colon = ready.address.lastIndexOf(':');
    this.agentAddress = { host: ready.address.slice(0, colon), port: Number(ready.address.slice(colon + 1)) };
  }

  /** CW_TIMEOUT or CW_INTERNAL with what a process printed when it does not come up. */
  static async start(): Promise<DemoProcesses> {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-demo-'));
    mkdirSync(join(folder, 'guest', 'files'), { recursive: true });
    mkdirSync(join(folder, 'host'));
    const children: ChildProcess[] = [];
    try {
      const host = run(
        join(ROOT, 'src/cli/main.ts'),
        ['--data', join(folder, 'host'), 'up', '--ready-fd', '3'],
        children,
      );
      const guest = run(
        join(ROOT, 'src/guest/main.ts'),
        ['run', '--listen', '127.0.0.1:0', '--data', join(folder, 'guest', 'state'), '--ready-fd', '3'],
        children,
      );
      const [, ready] = await Promise.all([readyOf(host), readyOf(guest)]);
      if (!ready.address || !ready.token)
        throw new CausewayError('CW_INTERNAL', 'the agent came up without a token');
      return new DemoProcesses(folder, host, guest, { address: ready.address, token: ready.token });
    } catch (failure) {
      for (const child of children) child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      throw failure;
    }
  }

  get hostData(): string {
    return join(this.#folder, 'host');
  }

  get guestFiles(): string {
    return join(this.#folder, 'guest', 'files');
  }

  get hostPid(): number {
    return this.#host.pid ?? 0;
  }

  get guestPid(): number {
    return this.#guest.pid ?? 0;
  }

  /** Causeway's own sources: a tree that is there wherever this runs. */
  get ownTree(): string {
    return join(ROOT, 'src');
  }

  absolute(path: string): string {
    return resolve(path);
  }

  /** Compares two trees by content, links and modes, with code that shares nothing with the copy. */
  async compare(left: string, right: string): Promise<boolean> {
    return sameTree(left, right);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([ended(this.#host), ended(this.#guest)]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function run(script: string, args: readonly string[], children: ChildProcess[]): ChildProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

function readyOf(child: ChildProcess): Promise<Ready> {
  return new Promise((resolveReady, reject) => {
    let text = '';
    let errors = '';
    child.stderr?.on('data', (piece: Buffer) => {
      errors = (errors + piece.toString()).slice(-4_096);
    });
    (child.stdio[3] as Readable).on('data', (piece: Buffer) => {
      text += piece.toString();
      if (text.includes('\n')) resolveReady(JSON.parse(text.slice(0, text.indexOf('\n'))) as Ready);
    });
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new CausewayError('CW_INTERNAL', `a process ended with ${code} before it was ready: ${errors}`)),
    );
  });
}

/** Asks a child to end, and ends it if it does not. */
function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolveEnded) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolveEnded();
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    child.once('exit', () => {
      clearTimeout(timer);
      resolveEnded();
    });
    child.kill('SIGTERM');
  });
}

function sameTree(left: string, right: string): boolean {
  const a = lstatSync(left);
  const b = lstatSync(right);
  if ((a.mode & 0o170000) !== (b.mode & 0o170000)) return false;
  if (a.isSymbolicLink()) return readlinkSync(left) === readlinkSync(right);
  if ((a.mode & 0o7777) !== (b.mode & 0o7777)) return false;
  if (!a.isDirectory()) return a.size === b.size && readFileSync(left).equals(readFileSync(right));
  const names = readdirSync(left).sort();
  if (names.join('\0') !== readdirSync(right).sort().join('\0')) return false;
  return names.every((name) => sameTree(join(left, name), join(right, name)));
}
