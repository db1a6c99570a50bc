import { closeSync, type FSWatcher, fstatSync, openSync, readSync, rmSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

const PIECE_BYTES = 64 * 1024;
/** So often it is looked into where the system has no watches left. */
const LOOK_MS = 1_000;

/**
 * What another program writes to a log file, as it comes. The program may begin the file anew under the same name, as programs do
 * whose logs have grown: what was written to the one before is taken to its end first.
 */
export class FollowedFile {
  readonly #path: string;
  readonly #take: (bytes: Uint8Array) => void;
  readonly #stop: () => void;
  readonly #piece = Buffer.alloc(PIECE_BYTES);
  #fd = -1;
  #at = 0;

  /** What stands there is removed: it was taken before. Its folder must be there. */
  constructor(path: string, take: (bytes: Uint8Array) => void) {
    this.#path = path;
    this.#take = take;
    for (const old of [path, `${path}.old`]) rmSync(old, { force: true });
    this.#stop = this.#watch() ?? this.#poll();
  }

  /** Takes what is there. */
  look(): void {
    if (this.#fd < 0 && !this.#open()) return;
    this.#read();
    if (this.#isSame()) return;
    this.#leave();
    if (this.#open()) this.#read();
  }

  /** Takes the rest. */
  close(): void {
    this.#stop();
    this.#tryLook();
    this.#leave();
  }

  #watch(): (() => void) | null {
    const name = basename(this.#path);
    try {
      const watcher: FSWatcher = watch(dirname(this.#path), { persistent: false }, (_event, changed) => {
        if (changed === name) this.#tryLook();
      });
      watcher.on('error', () => undefined); // the folder is gone, and the program with it
      return () => watcher.close();
    } catch {
      return null; // fs.inotify.max_user_watches
    }
  }

  #poll(): () => void {
    const timer = setInterval(() => this.#tryLook(), LOOK_MS).unref();
    return () => clearInterval(timer);
  }

  /** What cannot be read now is read when more has come. */
  #tryLook(): void {
    try {
      this.look();
    } catch {
      return; // a disk that fails: the program that writes there has more to tell of it
    }
  }

  #open(): boolean {
    try {
      this.#fd = openSync(this.#path, 'r');
      this.#at = 0;
      return true;
    } catch {
      return false; // nothing was written yet
    }
  }

  #read(): void {
    for (;;) {
      const count = readSync(this.#fd, this.#piece, 0, PIECE_BYTES, this.#at);
      if (count === 0) return;
      this.#at += count;
      this.#take(new Uint8Array(this.#piece.subarray(0, count)));
    }
  }

  #isSame(): boolean {
    try {
      const [own, there] = [fstatSync(this.#fd), statSync(this.#path)];
      return own.ino === there.ino && own.dev === there.dev;
    } catch {
      return true; // it is being begun anew
    }
  }

  #leave(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}
