import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { shellQuote } from './initramfs.ts';

export interface ExecOptions {
  /** Default 60,000. The command's process group is killed and the call throws when it takes longer. */
  timeoutMs?: number;
  /**
   * Returns at once with the process id, which leads its own group and session: `kill -TERM -PID` reaches all of it. It is
   * the command's own process for a simple command or a list of them joined with `&&`, without a shell in between.
   */
  background?: boolean;
  env?: Record<string, string>;
}

export interface ExecResult {
  /** Exit code; 128 + n after signal n; 0 for a background command. */
  code: number;
  stdout: string;
  stderr: string;
  /** Background only. */
  pid?: number;
  /** Background only: folder in the guest with the files `stdout` and `stderr`. */
  outputFolder?: string;
}

/** An argument or variable of a Linux program is limited to 128 KiB (MAX_ARG_STRLEN); here it is base64. */
const scriptLimitBytes = 90 * 1024;
const defaultTimeoutMs = 60_000;
/** How long the answer may take after the kill of a command that took too long. */
const killGraceMs = 10_000;

interface Waiting {
  readonly background: boolean;
  resolve(result: ExecResult): void;
  reject(error: Error): void;
}

/** Runs commands in the guest over the port org.causeway.lab. The protocol is described in guest/commands.sh. */
export class CommandChannel {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #boot = Promise.withResolvers<string>();
  #lastId = 0;
  #parts: string[] = [];
  #ended: Error | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#boot.promise.catch(() => {
      // Whoever waits for the boot gets the error; nobody may be waiting.
    });
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('the guest ended')));
  }

  /** Resolves when the guest takes commands. */
  async ready(): Promise<void> {
    await this.#boot.promise;
  }

  /** Called before a reset: commands given from now on wait for the guest's next boot. */
  expectBoot(): void {
    this.#boot = Promise.withResolvers();
    this.#boot.promise.catch(() => {
      // As in the constructor.
    });
  }

  async exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    const boot = await this.#boot.promise;
    if (this.#ended !== null) throw this.#ended;
    const exports = Object.entries(options.env ?? {}).map(
      ([name, value]) => `export ${name}=${shellQuote(value)}\n`,
    );
    const background = options.background ?? false;
    // Bash, unlike dash, becomes the last command that it runs.
    const body = background ? `exec /bin/bash -c ${shellQuote(command)}` : command;
    const script = Buffer.from(`${exports.join('')}${body}`);
    if (script.length > scriptLimitBytes)
      throw new RangeError(`a command is limited to ${scriptLimitBytes} bytes`);
    const id = ++this.#lastId;
    const answer = new Promise<ExecResult>((resolve, reject) =>
      this.#waiting.set(id, { background, resolve, reject }),
    );
    // The line break ends what an earlier boot may have left of a line.
    this.#socket.write(`\n${boot} ${background ? 'start' : 'run'} ${id} ${script.toString('base64')}\n`);
    return await this.#withLimit(boot, id, answer, command, options.timeoutMs ?? defaultTimeoutMs);
  }

  async #withLimit(
    boot: string,
    id: number,
    answer: Promise<ExecResult>,
    command: string,
    timeoutMs: number,
  ) {
    const answered = new AbortController();
    const timer = delay(timeoutMs, 'late' as const, { signal: answered.signal }).catch(() => 'late' as const);
    try {
      const first = await Promise.race([answer, timer]);
      if (first !== 'late') return first;
      this.#socket.write(`\n${boot} kill ${id}\n`);
      const grace = delay(killGraceMs, null, { signal: answered.signal }).catch(() => null);
      const killed = await Promise.race([answer, grace]);
      const output = killed === null ? 'and no answer to the kill' : `\n${killed.stdout}${killed.stderr}`;
      throw new Error(`no end after ${timeoutMs} ms in the guest: ${command} ${output}`);
    } finally {
      this.#waiting.delete(id);
      answered.abort();
    }
  }

  #receive(text: string): void {
    const lines = text.split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) {
      this.#parts.push(line);
      this.#receiveLine(this.#parts.join(''));
      this.#parts = [];
    }
    if (last !== '') this.#parts.push(last);
  }

  #receiveLine(line: string): void {
    // Not anchored: a reset may cut an answer, and the next boot's first line follows the piece.
    const boot = /ready ([0-9a-f-]{36})$/.exec(line)?.[1];
    if (boot !== undefined) {
      this.#rejectAll(new Error('the guest restarted before it answered'));
      this.#boot.resolve(boot);
      this.#boot = { ...this.#boot, promise: Promise.resolve(boot) };
      return;
    }
    const [word, id, code, pid, stdout, stderr] = line.split(' ');
    const waiting = word === 'done' ? this.#waiting.get(Number(id)) : undefined;
    if (waiting === undefined) return;
    const result: ExecResult = { code: Number(code), stdout: decode(stdout), stderr: decode(stderr) };
    if (waiting.background) {
      result.pid = Number(pid);
      result.outputFolder = `/run/lab/jobs/${id}`;
    }
    waiting.resolve(result);
  }

  /** Fails what is waiting and what comes later. */
  end(error: Error): void {
    this.#ended ??= error;
    this.#boot.reject(this.#ended);
    this.#rejectAll(this.#ended);
  }

  #rejectAll(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

function decode(field: string | undefined): string {
  return field === undefined || field === '-' ? '' : Buffer.from(field, 'base64').toString();
}
