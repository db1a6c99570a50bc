import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { CausewayError } from '../../base/errors.ts';
import { receiveDescriptor, socketPair } from './descriptor_passing.ts';
import { bindLibc } from './libc.ts';
import { SystemCallError } from './syscalls.ts';

export const FUSE_TYPE = 'fuse.causeway';

const MS_RDONLY = 1;
const MS_NOSUID = 2;
const MS_NODEV = 4;
const MNT_DETACH = 2;
const O_NONBLOCK = constants.O_NONBLOCK;

/** Unmounts what its reader has left behind: whatever happens to that, its end of the pipe closes. */
const GUARD = `
IFS= read -r word
[ "$word" = done ] && exit 0
grep -q " $2 " /proc/self/mountinfo || exit 0
if [ "$(id -u)" = 0 ]; then exec umount -l -- "$1"; else exec fusermount3 -u -z -- "$1"; fi
`;

export interface FuseMountOptions {
  /** Absolute path of an empty folder, or of any: what is in it is hidden meanwhile. */
  readonly mountpoint: string;
  /** What the table of mounts shows as the source. */
  readonly source: string;
  readonly readOnly: boolean;
  /** Other users than this one reach it, each with their own rights. */
  readonly allowOther: boolean;
  readonly readMaxBytes: number;
}

interface Functions {
  mount(source: string, target: string, type: string, flags: bigint, data: string): number;
  umount2(target: string, flags: number): number;
}

function bind() {
  const libc = bindLibc<Functions>({
    mount: { return: 'i32', arguments: ['string', 'string', 'string', 'u64', 'string'] },
    umount2: { return: 'i32', arguments: ['string', 'i32'] },
  });
  if (libc === null) throw new CausewayError('CW_UNSUPPORTED', 'this machine cannot mount folders');
  return libc;
}

/** A mount of this process. */
export class FuseMount {
  /** The descriptor of /dev/fuse that belongs to it. */
  readonly fd: number;
  readonly #mountpoint: string;
  readonly #device: string;
  readonly #guard: ChildProcess;
  #isClosed = false;

  constructor(fd: number, mountpoint: string, device: string) {
    this.fd = fd;
    this.#mountpoint = mountpoint;
    this.#device = device;
    this.#guard = spawn('/bin/sh', ['-c', GUARD, 'causeway-mount-guard', mountpoint, device], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true, // Ctrl-C reaches this process alone
    });
    this.#guard.on('error', () => undefined); // without /bin/sh a killed process leaves a mount that says so
    this.#guard.stdin?.on('error', () => undefined);
    this.#guard.unref();
  }

  get isMounted(): boolean {
    return mountsAt(this.#mountpoint).some(({ device }) => device === this.#device);
  }

  /** How far the kernel reads ahead, at most; it forgets that when it is answered INIT. Passed over where that is not allowed. */
  readAhead(sizeBytes: number): void {
    try {
      writeFileSync(`/sys/class/bdi/${this.#device}/read_ahead_kb`, String(Math.floor(sizeBytes / 1024)));
    } catch {
      // only root may set it, and a container may have no /sys: reading works as well, in smaller pieces
    }
  }

  /** Ends all requests of its programs with errors, where this system offers that. */
  abort(): void {
    try {
      writeFileSync(`/sys/fs/fuse/connections/${this.#device.split(':')[1]}/abort`, '1');
    } catch {
      // it has ended, or there is no such file system: it ends with the descriptor
    }
  }

  /** Gives the device back: requests that are open fail, and so do those that come. No thread may use it any more. */
  closeDevice(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.fd);
  }

  /** Takes it away; from under programs that use it where they do, who then get errors. */
  unmount(): void {
    if (this.isMounted) unmountFuse(this.#mountpoint, { lazily: true });
    this.#guard.stdin?.end('done\n');
  }
}

/** Mounts with the rights of root or by fusermount3. CW_DISK_PERMISSION, CW_UNSUPPORTED. */
export function mountFuse(options: FuseMountOptions): FuseMount {
  const { mountpoint } = options;
  const fd = process.geteuid?.() === 0 ? mountAsRoot(options) : mountAsUser(options);
  const mount = mountsAt(mountpoint).at(-1);
  if (mount === undefined) {
    closeSync(fd);
    throw new CausewayError('CW_INTERNAL', `${mountpoint} is not in the table of mounts`);
  }
  return new FuseMount(fd, mountpoint, mount.device);
}

function openDevice(): number {
  try {
    return openSync('/dev/fuse', constants.O_RDWR | O_NONBLOCK);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new CausewayError(
      'CW_UNSUPPORTED',
      `/dev/fuse cannot be opened (${code}): this kernel offers no FUSE`,
    );
  }
}

function mountAsRoot({ mountpoint, source, readOnly, allowOther, readMaxBytes }: FuseMountOptions): number {
  const fd = openDevice();
  const flags = BigInt(MS_NOSUID | MS_NODEV | (readOnly ? MS_RDONLY : 0));
  const data = [
    `fd=${fd},rootmode=40000,user_id=0,group_id=0,default_permissions,max_read=${readMaxBytes}`,
    ...(allowOther ? ['allow_other'] : []),
  ].join(',');
  const { functions, check } = bind();
  try {
    check('mount', functions.mount(source, mountpoint, FUSE_TYPE, flags, data));
    return fd;
  } catch (thrown) {
    closeSync(fd);
    throw mountError(mountpoint, thrown);
  }
}

/** fusermount3 is setuid: it mounts for the user, and passes the descriptor through a socket. */
function mountAsUser({ mountpoint, source, readOnly, allowOther }: FuseMountOptions): number {
  const options = ['default_permissions', 'subtype=causeway', `fsname=${source.replace(/[\\,]/g, '\\$&')}`];
  if (readOnly) options.push('ro');
  if (allowOther) options.push('allow_other');
  const [ours, theirs] = socketPair();
  try {
    const { status, stderr, error } = spawnSync('fusermount3', ['-o', options.join(','), '--', mountpoint], {
      stdio: ['ignore', 'ignore', 'pipe', theirs],
      env: { ...process.env, _FUSE_COMMFD: '3' },
      encoding: 'utf8',
    });
    if (error !== undefined)
      throw new CausewayError('CW_UNSUPPORTED', 'who is not root needs fusermount3 (package fuse3) to mount');
    if (status !== 0)
      throw new CausewayError('CW_DISK_PERMISSION', stderr.trim() || `fusermount3 refused ${mountpoint}`);
    return receiveDescriptor(ours);
  } finally {
    closeSync(ours);
    closeSync(theirs);
  }
}

function mountError(mountpoint: string, thrown: unknown): unknown {
  if (!(thrown instanceof SystemCallError)) return thrown;
  const code = thrown.code === 'EPERM' || thrown.code === 'EACCES' ? 'CW_DISK_PERMISSION' : 'CW_UNSUPPORTED';
  return new CausewayError(code, `cannot mount on ${mountpoint}: ${thrown.code}`, { cause: thrown });
}

export interface MountedFuse {
  readonly mountpoint: string;
  readonly source: string;
  readonly type: string;
  /** MAJOR:MINOR, unique while it is mounted. */
  readonly device: string;
}

/** All mounts of this machine that this program serves. */
export function listFuseMounts(): MountedFuse[] {
  return readMounts().filter(({ type }) => type === FUSE_TYPE);
}

function mountsAt(mountpoint: string): MountedFuse[] {
  return listFuseMounts().filter((mount) => mount.mountpoint === mountpoint);
}

/** All mounts of this machine, as this process sees them: proc_pid_mountinfo(5). */
export function readMounts(): MountedFuse[] {
  const mounts: MountedFuse[] = [];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [head = '', tail = ''] = line.split(' - ');
    const [, , device = '', , mountpoint = ''] = head.split(' ');
    const [type = '', source = ''] = tail.split(' ');
    if (type !== '')
      mounts.push({ mountpoint: unescaped(mountpoint), source: unescaped(source), type, device });
  }
  return mounts;
}

/** Blanks and the like stand as `\040`; other bytes as they are. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** CW_DISK_BUSY while programs use it, unless `lazily`; CW_DISK_PERMISSION. */
export function unmountFuse(mountpoint: string, { lazily }: { readonly lazily: boolean }): void {
  if (process.geteuid?.() !== 0) {
    const args = ['-u', ...(lazily ? ['-z'] : []), '--', mountpoint];
    const { status, stderr } = spawnSync('fusermount3', args, { encoding: 'utf8' });
    if (status === 0) return;
    const code = /busy/i.test(stderr ?? '') ? 'CW_DISK_BUSY' : 'CW_DISK_PERMISSION';
    throw new CausewayError(code, (stderr ?? '').trim() || `fusermount3 could not unmount ${mountpoint}`);
  }
  const { functions, check } = bind();
  try {
    check('umount2', functions.umount2(mountpoint, 0));
  } catch (thrown) {
    const errno = thrown instanceof SystemCallError ? thrown.errno : 0;
    if (errno !== osConstants.errno.EBUSY) throw mountError(mountpoint, thrown);
    if (!lazily) throw new CausewayError('CW_DISK_BUSY', `${mountpoint} is in use`);
    check('umount2', functions.umount2(mountpoint, MNT_DETACH));
  }
}

/** A pipe by which one thread tells another, which waits in poll(2), that it shall end. */
export class StopPipe {
  readonly readFd: number;
  readonly #writeFd: number;

  constructor() {
    [this.readFd, this.#writeFd] = socketPair();
  }

  stop(): void {
    writeSync(this.#writeFd, 'x');
  }

  /** Once nobody waits for it any more. */
  close(): void {
    closeSync(this.readFd);
    closeSync(this.#writeFd);
  }
}
