// A program that uses locks as any does, for tests: lock_program.ts KIND count FILE TIMES | KIND hold FILE.
import fs from 'node:fs';
import { bindLibc } from '../../src/world/node/libc.ts';

const LOCK_EX = 2;
const LOCK_UN = 8;
const F_SETLKW = 7;
const F_OFD_SETLKW = 38;
const F_WRLCK = 1;
const F_UNLCK = 2;

const libc = bindLibc<{
  fcntl(fd: number, command: number, lock: Uint8Array): number;
  flock(fd: number, operation: number): number;
}>({
  fcntl: { return: 'i32', arguments: ['i32', 'i32', 'pointer'] },
  flock: { return: 'i32', arguments: ['i32', 'i32'] },
});
if (libc === null) throw new Error('no system calls');
const { functions, check } = libc;
const [kind, what, file, times] = process.argv.slice(2) as [string, string, string, string?];
const fd = fs.openSync(file, 'r+');

function lock(isLocking: boolean): void {
  if (kind === 'flock') return void check('flock', functions.flock(fd, isLocking ? LOCK_EX : LOCK_UN));
  const range = Buffer.alloc(32);
  range.writeInt16LE(isLocking ? F_WRLCK : F_UNLCK, 0);
  range.writeBigInt64LE(100n, 16);
  check('fcntl', functions.fcntl(fd, kind === 'ofd' ? F_OFD_SETLKW : F_SETLKW, range));
}

function addOne(): void {
  const bytes = Buffer.alloc(16);
  const count = fs.readSync(fd, bytes, 0, 16, 0);
  const next = Number(bytes.toString('latin1', 0, count)) + 1;
  fs.writeSync(fd, String(next).padStart(16), 0);
}

process.stdout.write('ready\n');
if (what === 'hold') {
  lock(true);
  process.stdout.write('held\n');
  setInterval(() => undefined, 60_000);
} else {
  for (let done = 0; done < Number(times); done += 1) {
    lock(true);
    addOne();
    lock(false);
  }
  process.stdout.write('done\n');
}
