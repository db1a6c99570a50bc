import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { ROOT } from '../interop/rig.ts';

export const LOCK_PROGRAM = path.join(ROOT, 'test/mount/lock_program.ts');
const FLAGS = ['--disable-warning=ExperimentalWarning'];

/** A script that runs in a process of its own, and says by lines how far it is. */
export class Program {
  readonly #child: ChildProcess;
  #out = '';
  #errors = '';
  readonly ended: Promise<void>;

  constructor(script: string, ...args: readonly string[]) {
    this.#child = spawn(process.execPath, [...FLAGS, script, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (piece: Buffer) => {
      this.#out += piece.toString();
    });
    this.#child.stderr?.on('data', (piece: Buffer) => {
      this.#errors += piece.toString();
    });
    this.ended = once(this.#child, 'close').then(([code]) => {
      if (code !== 0 && code !== null) throw new Error(this.#errors);
    });
    this.ended.catch(() => undefined); // told to who waits for it
  }

  has(word: string): boolean {
    return this.#out.split('\n').includes(word);
  }

  get errors(): string {
    return this.#errors;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
