import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { DISK_NAME, type DiskMemory, DiskRecord } from './disk_record.ts';

const ENV = { ...process.env, PATH: `${process.env['PATH']}:/sbin:/usr/sbin` };

const END_MS = 10_000;

export function asRoot(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, {
    env: ENV,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

/**
 * A disk of this machine all writes and flushes of which are noted: a loop device over the only file of a small file system, which
 * a thread serves. Any file system can be made and mounted on it, and what a power cut would have left can be told afterwards.
 */
export class RecordingDisk implements AsyncDisposable {
  readonly record: DiskRecord;
  /** Of the file that is the disk. */
  readonly path: string;
  readonly #place: string;
  readonly #worker: Worker;
  readonly #fd: number;

  private constructor(memory: DiskMemory, place: string, worker: Worker, fd: number) {
    this.record = new DiskRecord(memory);
    this.path = path.join(place, DISK_NAME);
    this.#place = place;
    this.#worker = worker;
    this.#fd = fd;
  }

  /** `place` is an empty folder, `image` what is on the disk at first. */
  static async start(place: string, image: Uint8Array, logBytes: number): Promise<RecordingDisk> {
    const memory = DiskRecord.memory(image.byteLength, logBytes);
    new Uint8Array(memory.image).set(image);
    const fd = fs.openSync('/dev/fuse', 'r+');
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0';
    const mounted = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'recorded', place], {
      env: ENV,
      stdio: ['ignore', 'pipe', 'pipe', fd],
      encoding: 'utf8',
    });
    if (mounted.status !== 0) throw new Error(`mount: ${mounted.stderr}`);
    const worker = new Worker(new URL('./recording_disk_thread.ts', import.meta.url), {
      workerData: { fd, memory },
    });
    await once(worker, 'message');
    return new RecordingDisk(memory, place, worker, fd);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#worker, 'exit');
    asRoot('umount', '-l', this.#place);
    const late = setTimeout(() => void this.#worker.terminate(), END_MS); // somebody has the disk open still
    await exited;
    clearTimeout(late);
    fs.closeSync(this.#fd);
  }
}
