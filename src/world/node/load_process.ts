import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { abortReason } from '../../base/signal.ts';
import type { LoadClient, LoadOutcome, LoadTarget, LoadTask } from '../load.ts';
import { LOAD_THREAD } from './load_thread_module.ts';

interface Said {
  readonly outcome?: LoadOutcome;
  readonly failure?: string;
}

/** A client in a process of its own, so that its processor time can be told from that of others. */
export class LoadProcess implements LoadClient {
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  #words = '';

  /** `folder`: where its module is written, if it has no place of its own. `parallel`: how many threads wait for files. */
  constructor(folder: string, parallel: number) {
    const args = ['--disable-warning=ExperimentalWarning', moduleFile(folder)];
    const env = { ...process.env, UV_THREADPOOL_SIZE: String(parallel) };
    this.#child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env,
      cwd: '/',
      detached: true, // Ctrl-C reaches this process alone
    });
    this.#child.stderr?.on('data', (bytes: Buffer) => {
      this.#words = (this.#words + bytes.toString()).slice(-LIMITS.execStderrMaxBytes.value);
    });
    this.#gone = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
  }

  async perform(target: LoadTarget, task: LoadTask, signal: AbortSignal): Promise<LoadOutcome> {
    if (signal.aborted) throw abortReason(signal);
    const { promise, resolve, reject } = Promise.withResolvers<LoadOutcome>();
    const onSaid = ({ outcome, failure }: Said) => {
      if (outcome !== undefined) resolve(outcome);
      else reject(new CausewayError('CW_BENCH', failure ?? 'the client said nothing'));
    };
    const onAbort = () => reject(abortReason(signal));
    const late = setTimeout(() => {
      const seconds = LIMITS.benchTaskMs.value / 1000;
      reject(new CausewayError('CW_TIMEOUT', `not done in ${seconds} s`));
    }, LIMITS.benchTaskMs.value);
    this.#child.once('message', onSaid);
    signal.addEventListener('abort', onAbort, { once: true });
    void this.#gone.then(() =>
      reject(new CausewayError('CW_BENCH', `the client has ended: ${this.#words.trim()}`)),
    );
    try {
      this.#child.send({ target, task }, (failure) => failure && reject(failure));
      return await promise;
    } finally {
      clearTimeout(late);
      this.#child.off('message', onSaid);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** A client that waits in a mount whose server hangs ends when that is unmounted. */
  async stop(): Promise<void> {
    if (this.#child.pid !== undefined && this.#child.exitCode === null) {
      try {
        process.kill(-this.#child.pid, 'SIGKILL');
      } catch {
        // it has ended meanwhile
      }
    }
    await this.#gone;
  }
}

function moduleFile(folder: string): string {
  if ('url' in LOAD_THREAD) return fileURLToPath(LOAD_THREAD.url);
  const path = join(folder, 'load.cjs');
  writeFileSync(path, LOAD_THREAD.text);
  return path;
}
