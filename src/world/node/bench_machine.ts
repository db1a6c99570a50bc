import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { formatBytes } from '../../base/units.ts';
import type { BenchFiles, BenchMachine, BenchPlace, ServerRequest } from '../bench_machine.ts';
import { NodeBenchServer } from './bench_server.ts';
import { runNodeCommand } from './command.ts';
import { busyMs, startedCpuMs } from './cpu_times.ts';
import { readMounts } from './fuse_mount.ts';
import { LoadProcess } from './load_process.ts';

/** Programs of administrators are not in everybody's PATH. */
const SEARCH = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
const MEMORY_FOLDER = '/dev/shm';

/** A fresh folder for a benchmark in `asked`, or where there is room: in memory, else among temporary files. CW_DISK_FULL. */
export function openBenchPlace(asked: string | null, neededBytes: number, signal: AbortSignal): BenchPlace {
  const base = asked ?? [MEMORY_FOLDER, tmpdir()].find((path) => roomIn(path) >= neededBytes);
  if (base === undefined || roomIn(base) < neededBytes)
    throw new CausewayError(
      'CW_DISK_FULL',
      `${base ?? `neither ${MEMORY_FOLDER} nor ${tmpdir()}`} has ${formatBytes(neededBytes)} free: name a folder with --dir, or a smaller --size`,
    );
  const folder = realpathSync(mkdtempSync(join(base, 'causeway-bench-')));
  chmodSync(folder, 0o711); // servers that drop their rights pass through
  return {
    folder,
    fileSystem: fileSystemOf(folder),
    machine: benchMachine(signal),
    startLoad: (parallel) => new LoadProcess(folder, parallel),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What is found and run on this machine; programs that `run` waits for end with the signal. */
export function benchMachine(signal?: AbortSignal): BenchMachine {
  const setpriv = find('setpriv');
  return {
    files,
    own: ownPrograms(),
    find,
    run: (argv, inputText = '') => run(argv, inputText, signal),
    start: (request: ServerRequest) => new NodeBenchServer(request, setpriv),
    accepts,
    freePort,
    cpu: () => ({ startedMs: startedCpuMs(), busyMs: busyMs() }),
  };
}

const files: BenchFiles = {
  makeFolder: (path) => void mkdirSync(path, { recursive: true, mode: 0o711 }),
  openToAll: (path) => chmodSync(path, 0o777),
  writeText: (path, text) => writeFileSync(path, text, { mode: 0o600 }),
  remove: (path) => rmSync(path, { recursive: true, force: true }),
  isThere: (path) => existsSync(path),
  isMounted: (path) => readMounts().some(({ mountpoint }) => mountpoint === path),
  async unmount(path) {
    if (!files.isMounted(path)) return;
    const isRoot = process.geteuid?.() === 0;
    const argv = isRoot ? ['umount', '-l', '--', path] : ['fusermount3', '-u', '-z', '--', path];
    await run(argv).catch((failure) => {
      if (files.isMounted(path)) throw failure; // its server has unmounted it meanwhile
    });
  },
};

function find(program: string): string | null {
  for (const folder of SEARCH) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in that folder
    }
  }
  return null;
}

async function run(argv: readonly string[], inputText = '', signal?: AbortSignal): Promise<string> {
  const idleTimeoutMs = LIMITS.benchStartMs.value;
  const { exitCode, stdout, stderr } = await runNodeCommand({
    ...{ argv, inputText, idleTimeoutMs },
    ...(signal === undefined ? {} : { signal }),
  });
  const text = `${stdout}${stderr}`;
  if (exitCode === 0) return text;
  const program = argv[0]?.split('/').at(-1);
  throw new CausewayError('CW_BENCH', `${program} ends with ${exitCode}: ${text.trim().slice(-500)}`);
}

/** The launchers in the folder `bin` of this program. */
function ownPrograms(): BenchMachine['own'] {
  for (let at = dirname(realpathSync(process.argv[1] ?? '.')); ; at = dirname(at)) {
    const [cli, agent] = [join(at, 'bin/causeway'), join(at, 'bin/causeway-agent')];
    if (existsSync(cli) && existsSync(agent)) return { cli: [cli], agent: [agent] };
    if (at === dirname(at))
      throw new CausewayError('CW_PROGRAM_MISSING', 'bin/causeway-agent is not installed');
  }
}

function roomIn(path: string): number {
  if (!existsSync(path)) return 0;
  const { bavail, bsize } = statfsSync(path);
  const freeBytes = bavail * bsize;
  if (path !== MEMORY_FOLDER) return freeBytes;
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
  return Math.min(freeBytes, (Number(available ?? 0) * 1024) / 2);
}

/** Type and mount point of the file system that holds a path. */
function fileSystemOf(path: string): string {
  const holding = readMounts().filter(
    ({ mountpoint }) => mountpoint === '/' || path === mountpoint || path.startsWith(`${mountpoint}/`),
  );
  // of several on one point the last is the one that is seen
  const [best] = holding.reverse().sort((a, b) => b.mountpoint.length - a.mountpoint.length);
  return best === undefined ? 'unknown' : `${best.type} on ${best.mountpoint}`;
}

function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const probe = createServer();
  probe.once('error', reject);
  probe.listen(0, '127.0.0.1', () => {
    const address = probe.address();
    probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
  });
  return promise;
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.once('connect', () => {
    socket.destroy();
    resolve(true);
  });
  socket.once('error', () => resolve(false));
  return promise;
}
