import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { BenchServer, ServerRequest } from '../bench_machine.ts';
import { within } from './within.ts';

const ASK_MS = 20;

/** A program at the head of a process group of its own. It dies with this process where `setpriv` is there to see to it. */
export class NodeBenchServer implements BenchServer {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  readonly #firstLine: Promise<string>;
  #failure: Error | null = null;
  #output = '';

  constructor({ argv, env = {}, ready }: ServerRequest, setpriv: string | null) {
    const words = setpriv === null ? argv : [setpriv, '--pdeathsig', 'TERM', '--', ...argv];
    const [program = '', ...rest] = words;
    this.#name = argv[0]?.split('/').at(-1) ?? '';
    const child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe', ready === 'fd3' ? 'pipe' : 'ignore'],
      detached: true,
      cwd: '/',
      env: { ...process.env, ...env },
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (bytes: Buffer) => {
        this.#output = (this.#output + bytes.toString()).slice(-LIMITS.execStderrMaxBytes.value);
      });
    this.#gone = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', (failure) => {
        this.#failure = failure;
        resolve();
      });
    });
    this.#firstLine = lineOf((ready === 'fd3' ? child.stdio[3] : child.stdout) as Readable);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  async readyLine(): Promise<string> {
    let line: string | null = null;
    void this.#firstLine.then((text) => {
      line = text;
    });
    await this.until(() => line !== null);
    return line ?? '';
  }

  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    const limitMs = LIMITS.benchStartMs.value;
    const untilMs = performance.now() + limitMs;
    while (!(await holds())) {
      if (this.#hasEnded()) throw new CausewayError('CW_BENCH', `${this.#name} has ended: ${this.#last()}`);
      if (performance.now() > untilMs)
        throw new CausewayError(
          'CW_TIMEOUT',
          `${this.#name} is not ready after ${limitMs / 1000} s: ${this.#last()}`,
        );
      await wait(ASK_MS);
    }
  }

  async stop(): Promise<void> {
    if (this.#hasEnded()) return;
    this.#child.kill('SIGTERM');
    await within(this.#gone, LIMITS.execKillGraceMs.value);
    this.#killGroup();
    await this.#gone;
  }

  async kill(): Promise<void> {
    if (this.#hasEnded()) return;
    this.#killGroup();
    await this.#gone;
  }

  #hasEnded(): boolean {
    return this.#failure !== null || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #last(): string {
    return this.#failure?.message ?? this.#output.trim().slice(-500);
  }

  /** What it has started goes too. */
  #killGroup(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // nobody is left
    }
  }
}

function lineOf(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    stream.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
    });
    stream.on('error', () => undefined); // the end of the program tells
  });
}
