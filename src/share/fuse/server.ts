import { LIMITS } from '../../base/limits.ts';
import type { Posix } from '../../world/posix.ts';
import * as attrs from './ops_attrs.ts';
import * as files from './ops_files.ts';
import * as folders from './ops_folders.ts';
import * as locks from './ops_locks.ts';
import * as names from './ops_names.ts';
import * as xattrs from './ops_xattrs.ts';
import {
  ERRNO,
  FLAG,
  FLAG2,
  INIT_OUT_BYTES,
  MAJOR,
  MINOR,
  MINOR_MIN,
  NO_ANSWER,
  O_ACCESS,
  OP,
  OUT_HEADER_BYTES,
} from './protocol.ts';
import { type FuseOptions, FuseState, type Operation, PLACE } from './state.ts';

/** What is answered to what; everything else is ENOSYS, which the kernel takes for good and does without. */
const OPERATIONS: ReadonlyMap<number, Operation> = new Map([
  [OP.lookup, names.lookup],
  [OP.forget, names.forget],
  [OP.batchForget, names.batchForget],
  [OP.getattr, attrs.getattr],
  [OP.setattr, attrs.setattr],
  [OP.statx, attrs.statx],
  [OP.statfs, attrs.statfs],
  [OP.readlink, names.readlink],
  [OP.symlink, names.symlink],
  [OP.mknod, names.mknod],
  [OP.mkdir, names.mkdir],
  [OP.unlink, names.unlink],
  [OP.rmdir, names.rmdir],
  [OP.rename, names.rename],
  [OP.rename2, names.rename2],
  [OP.link, names.link],
  [OP.open, files.open],
  [OP.create, files.create],
  [OP.read, files.read],
  [OP.write, files.write],
  [OP.flush, files.flush],
  [OP.release, files.release],
  [OP.fsync, files.fsync],
  [OP.fallocate, files.fallocate],
  [OP.lseek, files.lseek],
  [OP.copyFileRange, files.copyFileRange],
  [OP.opendir, folders.opendir],
  [OP.readdir, folders.readdir],
  [OP.readdirplus, folders.readdirplus],
  [OP.releasedir, files.releasedir],
  [OP.fsyncdir, files.fsync],
  [OP.setxattr, xattrs.setxattr],
  [OP.getxattr, xattrs.getxattr],
  [OP.listxattr, xattrs.listxattr],
  [OP.removexattr, xattrs.removexattr],
  [OP.getlk, locks.getlk],
  [OP.setlk, locks.setlk],
  [OP.interrupt, locks.interrupt],
  [OP.ioctl, () => -ERRNO.ENOTTY],
  [OP.destroy, () => 0],
]);

/** What changes something, whatever its arguments. */
const CHANGING: ReadonlySet<number> = new Set([
  OP.setattr,
  OP.symlink,
  OP.mknod,
  OP.mkdir,
  OP.unlink,
  OP.rmdir,
  OP.rename,
  OP.rename2,
  OP.link,
  OP.create,
  OP.write,
  OP.fallocate,
  OP.copyFileRange,
  OP.setxattr,
  OP.removexattr,
]);

const WISHED =
  FLAG.asyncRead |
  FLAG.posixLocks |
  FLAG.bigWrites |
  FLAG.dontMask |
  FLAG.flockLocks |
  FLAG.autoInvalData |
  FLAG.doReaddirplus |
  FLAG.readdirplusAuto |
  FLAG.asyncDio |
  FLAG.parallelDirops |
  FLAG.posixAcl |
  FLAG.abortError |
  FLAG.maxPages |
  FLAG.handleKillprivV2 |
  FLAG.setxattrExt;

const INIT_IN_BYTES = 16;
const PAGE_BYTES = 4_096;

/**
 * Answers the requests of a kernel with what is below one folder, one after the other. A request lies at the start of the
 * memory of `posix`; `send` gets the place and the size of an answer, which it takes before it returns.
 */
export class FuseServer {
  readonly #state: FuseState;
  readonly #send: (at: number, sizeBytes: number) => void;

  /** `rootFd`, a descriptor of a folder, is owned. */
  constructor(
    posix: Posix,
    rootFd: number,
    options: FuseOptions,
    send: (at: number, sizeBytes: number) => void,
  ) {
    this.#state = new FuseState(posix, rootFd, options);
    this.#send = send;
  }

  /** Nodes and open files that the kernel holds. */
  get held(): { readonly nodes: number; readonly files: number } {
    return { nodes: this.#state.nodes.size, files: this.#state.files.size };
  }

  /** Serves a request of that size. False once the kernel has said that it was the last one. */
  serve(sizeBytes: number): boolean {
    const state = this.#state;
    const { frame } = state;
    if (!frame.read(sizeBytes)) return true; // no request of a kernel: there is nobody to answer
    const { opcode, uniqueLow, uniqueHigh } = frame;
    const result = this.#run(opcode);
    if (result !== NO_ANSWER) this.#answer(uniqueLow, uniqueHigh, result);
    return opcode !== OP.destroy;
  }

  close(): void {
    this.#state.files.close();
    this.#state.nodes.close();
  }

  #run(opcode: number): number {
    const state = this.#state;
    if (opcode === OP.init) return this.#init();
    if (!state.isInitialised) return -ERRNO.EIO;
    if (state.options.readOnly && this.#changes(opcode)) return -ERRNO.EROFS;
    if (opcode === OP.setlkw)
      return locks.setlkw(state, (low, high, result) => this.#answer(low, high, result));
    return OPERATIONS.get(opcode)?.(state) ?? -ERRNO.ENOSYS;
  }

  #changes(opcode: number): boolean {
    const { view, frame } = this.#state;
    if (opcode === OP.open) return (view.getUint32(frame.body, true) & O_ACCESS) !== 0;
    return CHANGING.has(opcode);
  }

  /** A length of 0 and more, or a negated error. */
  #answer(uniqueLow: number, uniqueHigh: number, result: number): void {
    const { view } = this.#state;
    const at = PLACE.answer;
    const sizeBytes = OUT_HEADER_BYTES + Math.max(0, result);
    view.setUint32(at, sizeBytes, true);
    view.setInt32(at + 4, Math.min(0, result), true);
    view.setUint32(at + 8, uniqueLow, true);
    view.setUint32(at + 12, uniqueHigh, true);
    this.#send(at, sizeBytes);
  }

  #init(): number {
    const state = this.#state;
    const { view, frame, out } = state;
    if (!frame.holds(INIT_IN_BYTES)) return -ERRNO.EPROTO;
    const major = view.getUint32(frame.body, true);
    const minor = view.getUint32(frame.body + 4, true);
    if (major < MAJOR || (major === MAJOR && minor < MINOR_MIN)) return -ERRNO.EPROTO;
    state.posix.memory.bytes.fill(0, out, out + INIT_OUT_BYTES);
    view.setUint32(out, MAJOR, true);
    view.setUint32(out + 4, MINOR, true);
    if (major > MAJOR) return INIT_OUT_BYTES; // the kernel asks again with this version
    const offered = view.getUint32(frame.body + 12, true);
    const offered2 =
      (offered & FLAG.initExt) !== 0 && frame.holds(20) ? view.getUint32(frame.body + 16, true) : 0;
    state.hasLongSetxattr = (offered & FLAG.setxattrExt) !== 0;
    state.hasBacking = (offered2 & FLAG2.passthrough) !== 0 && state.options.backing !== null;
    view.setUint32(
      out + 8,
      Math.min(view.getUint32(frame.body + 8, true), LIMITS.mountReadMaxBytes.value),
      true,
    );
    view.setUint32(out + 12, offered & (WISHED | (state.hasBacking ? FLAG.initExt : 0)), true);
    view.setUint16(out + 16, LIMITS.mountBackgroundMax.value, true);
    view.setUint16(out + 18, (LIMITS.mountBackgroundMax.value * 3) / 4, true);
    view.setUint32(out + 20, LIMITS.mountWriteMaxBytes.value, true);
    view.setUint32(out + 24, 1, true); // times are exact to the nanosecond
    view.setUint16(out + 28, LIMITS.mountWriteMaxBytes.value / PAGE_BYTES, true);
    view.setUint32(out + 32, state.hasBacking ? FLAG2.passthrough : 0, true);
    view.setUint32(out + 36, state.hasBacking ? 1 : 0, true);
    state.isInitialised = true;
    return INIT_OUT_BYTES;
  }
}
