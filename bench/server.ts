/** Server processes that the bench starts, waits for and stops. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

const READY_DEADLINE_MS = 20_000;
const READY_POLL_MS = 20;
const STOP_DEADLINE_MS = 5_000;
const OUTPUT_TAIL_CHARS = 8_000;

/** A peer cannot take part on this machine, for the reason in the message. */
export class Unavailable extends Error {}

/** A TCP port on 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was assigned');
  return address.port;
}

async function accepts(port: number, host: string): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    // Refused: the server does not listen yet, which is the answer.
    return false;
  } finally {
    socket.destroy();
  }
}

export class Server {
  readonly label: string;
  readonly #child: ChildProcess;
  #output = '';
  #startError: Error | null = null;

  /** `extraPipes` are opened as descriptors 3, 4, … of the server. */
  constructor(label: string, argv: readonly string[], env: Readonly<Record<string, string>>, extraPipes = 0) {
    this.label = label;
    const [file = '', ...args] = argv;
    const pipes = Array.from({ length: 2 + extraPipes }, () => 'pipe' as const);
    this.#child = spawn(file, args, { env, stdio: ['ignore', ...pipes] });
    this.#child.on('error', (error) => {
      this.#startError = error;
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_TAIL_CHARS);
      });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The end of what it has written to standard output and standard error. */
  get output(): string {
    return this.#output;
  }

  get ended(): boolean {
    return this.#startError !== null || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The read end of an extra pipe. */
  pipe(descriptor: number): Readable {
    return this.#child.stdio[descriptor] as Readable;
  }

  /** @throws Unavailable when the server ends first or `ready` stays false for 20 s. */
  async until(ready: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + READY_DEADLINE_MS;
    while (!(await ready())) {
      const late = performance.now() > deadline;
      if (this.ended || late) {
        const what = late ? 'not ready after 20 s' : 'ended at start';
        throw new Unavailable(`${this.label} ${what}: ${this.#startError?.message ?? this.#output.trim()}`);
      }
      await delay(READY_POLL_MS);
    }
  }

  untilListening(port: number, host = '127.0.0.1'): Promise<void> {
    return this.until(() => accepts(port, host));
  }

  /** SIGTERM, then SIGKILL after 5 s. */
  async stop(): Promise<void> {
    if (this.ended) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await exit;
    clearTimeout(limit);
  }
}
