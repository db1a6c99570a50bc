import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { endianness, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CausewayError } from '../../base/errors.ts';
import { diskError } from './disk_errors.ts';
import { bindLibc } from './libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** `sun_path` of `struct sockaddr_un`. */
const PATH_MAX_BYTES = 108;

interface Calls {
  socket(domain: number, type: number, protocol: number): number;
  sendto(
    fd: number,
    bytes: Uint8Array,
    length: bigint,
    flags: number,
    to: Uint8Array,
    toBytes: number,
  ): bigint;
  close(fd: number): number;
}

const SIGNATURES = {
  socket: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
  sendto: { return: 'i64', arguments: ['i32', 'pointer', 'u64', 'i32', 'pointer', 'u32'] },
  close: { return: 'i32', arguments: ['i32'] },
} as const;

/** What a service manager asks of a service that it has started (sd_notify(3), sd_watchdog_enabled(3)). */
export interface ServiceManager {
  /** Tells the state, one `NAME=value` a line; false where the message did not arrive. */
  tell(state: string): boolean;
  /** A sign of life is wanted at least this often; null where none is. */
  readonly watchdogMs: number | null;
}

/** The manager that `NOTIFY_SOCKET` names; null where there is none, or datagrams cannot be sent. */
export function serviceManager(env: Readonly<Record<string, string | undefined>>): ServiceManager | null {
  const address = addressOf(env['NOTIFY_SOCKET'] ?? '');
  const libc = address === null ? null : bindLibc<Calls>(SIGNATURES as never);
  if (address === null || libc === null) return null;
  const { socket, sendto, close } = libc.functions;
  const isMine = env['WATCHDOG_PID'] === undefined || Number(env['WATCHDOG_PID']) === process.pid;
  const watchdogMs = isMine ? Number(env['WATCHDOG_USEC']) / 1_000 : Number.NaN;
  return {
    watchdogMs: watchdogMs > 0 ? watchdogMs : null,
    tell: (state) => {
      const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
      if (fd < 0) return false;
      try {
        const bytes = new TextEncoder().encode(state);
        const sent = sendto(
          fd,
          bytes,
          BigInt(bytes.byteLength),
          MSG_DONTWAIT_NOSIGNAL,
          address,
          address.byteLength,
        );
        return Number(sent) === bytes.byteLength;
      } finally {
        close(fd);
      }
    },
  };
}

/** `struct sockaddr_un` of a path, or of an abstract name that begins with `@`. */
function addressOf(name: string): Uint8Array | null {
  const path = new TextEncoder().encode(name);
  if (!/^[/@]./.test(name) || path.byteLength >= PATH_MAX_BYTES) return null;
  const isAbstract = name.startsWith('@');
  if (isAbstract) path[0] = 0;
  const address = new Uint8Array(2 + path.byteLength + (isAbstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, endianness() === 'LE');
  address.set(path, 2);
  return address;
}

/** Whether systemd runs this machine, or this user's session (sd_booted(3)). */
export function hasSystemd(user: boolean): boolean {
  const runtime = process.env['XDG_RUNTIME_DIR'];
  return user
    ? runtime !== undefined && existsSync(join(runtime, 'systemd'))
    : existsSync('/run/systemd/system');
}

/** Where a unit of that name belongs. */
export function unitPath(name: string, user: boolean): string {
  if (!user) return join('/etc/systemd/system', name);
  return join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'systemd/user', name);
}

export function readUnit(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw diskError('read', path, thrown);
  }
}

/** Replaces the file in one step. CW_DISK_*. */
export function writeUnit(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, text, { mode: 0o644 });
    renameSync(`${path}.new`, path);
  } catch (thrown) {
    throw diskError('write', path, thrown);
  }
}

export function removeUnit(path: string): void {
  try {
    rmSync(path);
  } catch (thrown) {
    throw diskError('remove', path, thrown);
  }
}

/** Runs systemctl. CW_UNSUPPORTED with what it said. */
export function systemctl(args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('systemctl', args, { encoding: 'utf8' });
  if (status === 0) return;
  const said = error?.message ?? stderr.trim();
  throw new CausewayError('CW_UNSUPPORTED', `systemctl ${args.join(' ')} failed: ${said}`);
}

/** The command that started this program: its shim where there is one, else the process itself. */
export function thisProgram(): readonly string[] {
  const main = process.argv[1] ?? '';
  for (const up of ['..', '../..']) {
    const shim = join(dirname(main), up, 'bin/causeway');
    if (existsSync(shim)) return [shim];
  }
  return [process.execPath, ...process.execArgv, main];
}

/** Ends this process at once, whatever its threads wait for in the kernel: an ordinary exit would wait for them. */
export function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}
