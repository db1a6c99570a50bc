import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type LoadTask, RANDOM_READ_BYTES, smallFileName } from '../load.ts';
import { LOAD_BLOCK_BYTES, LoadContent, nextNoise } from '../load_content.ts';
import { type LoadWork, wrong } from './load_work.ts';

/** More than a line of `ls -ln` has, with a small file's name. */
const LIST_LINE_BYTES = 256;

type Of<K extends LoadTask['kind']> = Extract<LoadTask, { readonly kind: K }>;

/** Calls of one program on a folder: each blocks until it is done, but for those of many clients. */
export const folderLoad = {
  write(root: string, { name, sizeBytes, seed }: Of<'write'>): LoadWork {
    const content = new LoadContent(seed);
    return () => {
      const fd = fs.openSync(join(root, name), 'wx');
      for (let at = 0; at < sizeBytes; ) {
        const block = content.block(at / LOAD_BLOCK_BYTES).subarray(0, sizeBytes - at);
        writeAll(fd, block, at);
        at += block.byteLength;
      }
      fs.closeSync(fd);
      return { amount: sizeBytes };
    };
  },

  read(root: string, { name, sizeBytes }: Of<'read'>): LoadWork {
    const buffer = new Uint8Array(LOAD_BLOCK_BYTES);
    return () => readWhole(join(root, name), sizeBytes, buffer, () => true);
  },

  verify(root: string, { name, sizeBytes, seed }: Of<'verify'>): LoadWork {
    const content = new LoadContent(seed);
    const buffer = new Uint8Array(LOAD_BLOCK_BYTES);
    return () => readWhole(join(root, name), sizeBytes, buffer, (bytes, at) => content.holds(bytes, at));
  },

  create(root: string, { folder, files, sizeBytes }: Of<'create'>): LoadWork {
    const content = new LoadContent(1);
    return () => {
      fs.mkdirSync(join(root, folder));
      for (let index = 0; index < files; index += 1) {
        const fd = fs.openSync(join(root, folder, smallFileName(index)), 'wx');
        writeAll(fd, content.block(index).subarray(0, sizeBytes), 0);
        fs.closeSync(fd);
      }
      return { amount: files };
    };
  },

  /** By `ls -ln`: numbers of users, so that nobody has to be asked for their names. */
  list(root: string, { folder, files, sizeBytes }: Of<'list'>): LoadWork {
    return () => {
      const { status, stdout, stderr } = spawnSync('ls', ['-ln', '--', join(root, folder)], {
        encoding: 'utf8',
        maxBuffer: LIST_LINE_BYTES * (files + 2),
      });
      if (status !== 0) throw wrong(`ls ends with ${status}: ${stderr.trim()}`);
      const sizes = stdout.matchAll(/^-\S+ +\d+ +\d+ +\d+ +(\d+) /gm);
      const whole = [...sizes].filter(([, size]) => Number(size) === sizeBytes).length;
      if (whole !== files) throw wrong(`${whole} of ${files} files were listed with their sizes`);
      return { amount: files };
    };
  },

  random(root: string, { name, sizeBytes, seed, reads }: Of<'random'>): LoadWork {
    const content = new LoadContent(seed);
    const places = randomPlaces(sizeBytes, reads);
    const timesMs = new Float64Array(reads);
    return () => {
      const fd = fs.openSync(join(root, name), 'r');
      const buffer = new Uint8Array(RANDOM_READ_BYTES);
      for (const [index, place] of places.entries()) {
        const beginMs = performance.now();
        const count = fs.readSync(fd, buffer, 0, buffer.byteLength, place);
        timesMs[index] = performance.now() - beginMs;
        if (count !== buffer.byteLength || !content.holds(buffer, place))
          throw wrong(`other bytes than expected at ${place} of ${name}`);
      }
      fs.closeSync(fd);
      return { amount: reads, timesMs };
    };
  },

  clients(root: string, task: Of<'clients'>): LoadWork {
    const content = new LoadContent(1);
    const timesMs = new Float64Array(task.reads);
    let next = 0;
    const client = async () => {
      const buffer = new Uint8Array(task.sizeBytes + 1);
      while (next < task.reads) {
        const turn = next;
        next += 1;
        const index = turn % task.files;
        const beginMs = performance.now();
        const count = await readSmall(join(root, task.folder, smallFileName(index)), buffer);
        timesMs[turn] = performance.now() - beginMs;
        const bytes = buffer.subarray(0, count);
        if (count !== task.sizeBytes || !content.holds(bytes, index * LOAD_BLOCK_BYTES))
          throw wrong(`other bytes than expected in ${smallFileName(index)}`);
      }
    };
    return async () => {
      await Promise.all(Array.from({ length: task.connections }, client));
      return { amount: task.reads, timesMs };
    };
  },
};

/** Places of whole pieces in a file, the same each time. */
export function randomPlaces(sizeBytes: number, reads: number): Float64Array {
  const pieces = Math.max(1, Math.floor(sizeBytes / RANDOM_READ_BYTES));
  let state = 1;
  return new Float64Array(reads).map(() => {
    state = nextNoise(state);
    return (state % pieces) * RANDOM_READ_BYTES;
  });
}

function writeAll(fd: number, bytes: Uint8Array, place: number): void {
  for (let at = 0; at < bytes.byteLength; )
    at += fs.writeSync(fd, bytes, at, bytes.byteLength - at, place + at);
}

function readWhole(
  path: string,
  sizeBytes: number,
  buffer: Uint8Array,
  accept: (bytes: Uint8Array, at: number) => boolean,
): { readonly amount: number } {
  const fd = fs.openSync(path, 'r');
  let at = 0;
  for (;;) {
    const count = fs.readSync(fd, buffer, 0, buffer.byteLength, at);
    if (count === 0) break;
    if (!accept(buffer.subarray(0, count), at))
      throw wrong(`other bytes than expected after ${at} of ${path}`);
    at += count;
  }
  fs.closeSync(fd);
  if (at !== sizeBytes) throw wrong(`${at} bytes of ${sizeBytes} came from ${path}`);
  return { amount: at };
}

/** One thread of the pool for each call, so that as many clients wait at once as the pool has threads. */
function readSmall(path: string, into: Uint8Array): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  fs.open(path, 'r', (openFailure, fd) => {
    if (openFailure) return reject(openFailure);
    fs.read(fd, into, 0, into.byteLength, 0, (readFailure, count) => {
      fs.close(fd, (closeFailure) => {
        const failure = readFailure ?? closeFailure;
        if (failure) reject(failure);
        else resolve(count);
      });
    });
  });
  return promise;
}
