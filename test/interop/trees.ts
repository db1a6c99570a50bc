import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** Writes a file of random bytes. */
export function randomFile(path: string, sizeBytes: number): void {
  const fd = openSync(path, 'w');
  try {
    const piece = randomBytes(Math.min(sizeBytes, 4 << 20));
    for (let done = 0; done < sizeBytes; done += piece.length) {
      // each piece starts with its offset, so that no two pieces are alike
      if (piece.length >= 8) piece.writeDoubleLE(done);
      writeSync(fd, piece, 0, Math.min(piece.length, sizeBytes - done));
    }
  } finally {
    closeSync(fd);
  }
}

/** A tree with many kinds of entries: empty and small files, a large one, odd names, modes, times, symlinks, empty folders. */
export function mixedTree(path: string, fileCount: number): void {
  mkdirSync(join(path, 'empty folder'), { recursive: true });
  for (let at = 0; at < fileCount; at += 1) {
    const folder = join(path, `d${at % 23}`, `e${at % 7}`);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `f${at}.bin`);
    writeFileSync(file, randomBytes(at % 5 === 0 ? 0 : (at * 37) % 9_000));
    if (at % 11 === 0) chmodSync(file, 0o750);
    utimesSync(file, 1_600_000_000 + at, 1_600_000_000.25 + at);
  }
  randomFile(join(path, 'large.bin'), 3 * 1024 * 1024 + 17);
  writeFileSync(join(path, 'ünï çödé 名前.txt'), 'x');
  writeFileSync(join(path, 'read only'), 'ro', { mode: 0o400 });
  symlinkSync('large.bin', join(path, 'link'));
  symlinkSync('/nowhere/at all', join(path, 'dangling'));
  symlinkSync('d1', join(path, 'folder link'));
  chmodSync(join(path, 'd2'), 0o555);
  utimesSync(join(path, 'd3'), 1_500_000_000, 1_500_000_000);
}

/** Path, kind, mode, mtime, link target and SHA-256 of everything below a folder, by tools that share no code with this project. */
export function listing(path: string): string {
  const script = `find . -printf '%P|%y|%m|%T@|%l\\n' | sort; find . -type f -print0 | sort -z | xargs -0 -r sha256sum`;
  return execFileSync('sh', ['-c', script], { cwd: path, encoding: 'utf8', maxBuffer: 256 << 20 });
}

export function sha256(path: string): string {
  return execFileSync('sha256sum', [path], { encoding: 'utf8' }).split(' ')[0]!;
}

/** Names in a destination, without what is kept for undo. */
export function namesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name !== '.causeway')
    .sort();
}

/** What is in `.causeway` of a destination besides what is kept for undo: data of copies that are not complete. */
export function unfinishedIn(folder: string): string[] {
  const path = join(folder, '.causeway');
  return existsSync(path) ? readdirSync(path).filter((name) => name !== 'undo') : [];
}
