/** The folders of one benchmark run and the file system they are on. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Network } from './network.ts';

export interface Workplace {
  /** Big data: sources and destinations. */
  readonly data: string;
  readonly source: string;
  readonly destination: string;
  /** Keys, configurations and state of the peers. */
  readonly config: string;
  /** Type and mount point of the file system under `data`. */
  readonly fileSystem: string;
  /** What is between the clients and the servers. */
  readonly network: Network;
}

/** Type and mount point that hold `path`, out of the text of /proc/self/mountinfo (proc(5)). */
export function fileSystemOf(path: string, mountinfo: string): string {
  let best = { point: '', type: 'unknown' };
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const point = (left.split(' ')[4] ?? '').replaceAll('\\040', ' ');
    const holds = point === '/' || path === point || path.startsWith(`${point}/`);
    // Of several mounts on one point the last is the visible one.
    if (point !== '' && holds && point.length >= best.point.length) {
      best = { point, type: right.split(' ')[0] ?? 'unknown' };
    }
  }
  return `${best.type} on ${best.point}`;
}

function freeBytes(directory: string): number {
  if (!existsSync(directory)) return 0;
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

function availableMemoryBytes(): number {
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'));
  return match ? Number(match[1]) * 1024 : 0;
}

/** Source, destination and room for temporary copies, relative to the size of the largest case. */
const ROOM_FACTOR = 2.5;

/** /dev/shm where memory has the room, else the platform's folder for temporary files. */
export function chooseDirectory(asked: string | undefined, largestBytes: number): string {
  const needed = largestBytes * ROOM_FACTOR;
  if (asked !== undefined) {
    if (freeBytes(asked) < needed) throw new Error(`${asked} has less than ${needed} bytes free`);
    return asked;
  }
  const inMemory = Math.min(freeBytes('/dev/shm'), availableMemoryBytes());
  if (inMemory >= needed) return '/dev/shm';
  if (freeBytes(tmpdir()) >= needed) return tmpdir();
  throw new Error(`neither /dev/shm nor ${tmpdir()} has ${needed} bytes free; name a folder with --dir`);
}

/** Creates the folders; `dispose` removes them with all they hold. */
export function createWorkplace(directory: string, network: Network): Workplace & { dispose(): void } {
  const data = mkdtempSync(join(directory, 'causeway-bench-'));
  const config = mkdtempSync(join(tmpdir(), 'causeway-bench-config-'));
  const [source, destination] = [join(data, 'source'), join(data, 'destination')];
  mkdirSync(source);
  mkdirSync(destination);
  const fileSystem = fileSystemOf(data, readFileSync('/proc/self/mountinfo', 'utf8'));
  const dispose = () => {
    network.dispose();
    for (const path of [data, config]) rmSync(path, { recursive: true, force: true });
  };
  return { data, source, destination, config, fileSystem, network, dispose };
}
