import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { abortReason } from '../../base/signal.ts';
import type { CommandRequest, CommandResult, RunCommand } from '../command.ts';
import { within } from './within.ts';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** One run of a program, until it and its pipes have ended. */
class Run {
  readonly #request: CommandRequest;
  readonly #child: Child;
  readonly #ended: Promise<void>;
  readonly #stdout: Buffer[] = [];
  #stdoutBytes = 0;
  #stderr = Buffer.alloc(0);
  #failure: Error | null = null;
  #idle: NodeJS.Timeout | undefined;

  constructor(request: CommandRequest) {
    this.#request = request;
    const [program = '', ...rest] = request.argv;
    // its own group, so that ending it reaches what it has started
    const detached = process.platform !== 'win32';
    this.#child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'pipe'], detached, windowsHide: true });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    this.#child.once('close', resolve);
    this.#child.once('error', (thrown) => {
      this.#failure ??= missing(program, thrown);
      resolve();
    });
    this.#child.stdout.on('data', (piece: Buffer) => this.#printed(piece));
    this.#child.stderr.on('data', (piece: Buffer) => {
      this.#alive();
      this.#stderr = Buffer.concat([this.#stderr, piece]).subarray(-LIMITS.execStderrMaxBytes.value);
    });
  }

  async result(): Promise<CommandResult> {
    const { signal } = this.#request;
    const onAbort = () => void this.#end(abortReason(signal as AbortSignal));
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#alive();
    this.#feed();
    try {
      await this.#ended;
    } finally {
      clearTimeout(this.#idle);
      signal?.removeEventListener('abort', onAbort);
    }
    if (this.#failure !== null) throw this.#failure;
    return {
      exitCode: this.#child.exitCode,
      stdout: Buffer.concat(this.#stdout).toString('utf8'),
      stderr: this.#stderr.toString('utf8'),
    };
  }

  #feed(): void {
    const { inputFile, inputText = '', onSent } = this.#request;
    const { stdin } = this.#child;
    stdin.on('error', () => undefined); // it takes no more: its exit code and last words tell why
    if (inputFile === undefined) {
      stdin.end(inputText);
      return;
    }
    const file = createReadStream(inputFile, { highWaterMark: 256 * 1024 });
    let sentBytes = 0;
    file.on('data', (piece) => {
      sentBytes += piece.length;
      this.#alive();
      onSent?.(sentBytes);
    });
    file.on('error', (thrown) => void this.#end(asCausewayError(thrown)));
    this.#child.once('close', () => file.destroy());
    file.pipe(stdin);
  }

  #printed(piece: Buffer): void {
    this.#alive();
    this.#stdoutBytes += piece.length;
    if (this.#stdoutBytes <= LIMITS.commandOutputMaxBytes.value) this.#stdout.push(piece);
    else
      void this.#end(new CausewayError('CW_LIMIT', `\`${this.#request.argv[0]}\` prints more than is taken`));
  }

  #alive(): void {
    clearTimeout(this.#idle);
    const { idleTimeoutMs, argv } = this.#request;
    this.#idle = setTimeout(() => {
      const text = `\`${argv[0]}\` has done nothing for ${Math.round(idleTimeoutMs / 1000)} s`;
      void this.#end(new CausewayError('CW_TIMEOUT', text));
    }, idleTimeoutMs);
  }

  async #end(failure: Error): Promise<void> {
    if (this.#failure !== null) return;
    this.#failure = failure;
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) break;
      this.#signal(signal);
      await within(this.#ended, LIMITS.execKillGraceMs.value);
    }
    // something that it left behind may hold the pipes for ever
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(process.platform === 'win32' ? pid : -pid, signal);
    } catch {
      this.#child.kill(signal); // the group is gone or not ours: the program itself is what counts
    }
  }
}

function missing(program: string, thrown: Error): Error {
  const { code } = thrown as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'EACCES') return asCausewayError(thrown);
  return new CausewayError('CW_PROGRAM_MISSING', `the program \`${program}\` cannot be started (${code})`);
}

export const runNodeCommand: RunCommand = async (request) => {
  if (request.signal?.aborted) throw abortReason(request.signal);
  return new Run(request).result();
};
