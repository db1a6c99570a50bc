import type { LeaseGiven } from '../../cache/lease/lease_kinds.ts';
import type { Posix } from '../../world/posix.ts';
import { deedOf } from './deeds.ts';
import {
  CHANGES_FOLDER,
  FOLDER_ATTRS_BYTES,
  FOLDER_NOTE_BYTES,
  putEmptyFolder,
  putFolderAttrs,
} from './folder_notes.ts';
import { idAt } from './frame.ts';
import { answerInit } from './init.ts';
import type { FuseNode } from './nodes.ts';
import { nameNotice } from './notices.ts';
import * as attrs from './ops_attrs.ts';
import * as files from './ops_files.ts';
import * as folders from './ops_folders.ts';
import * as leases from './ops_leases.ts';
import * as locks from './ops_locks.ts';
import * as names from './ops_names.ts';
import * as xattrs from './ops_xattrs.ts';
import { ownChangeOf } from './own_changes.ts';
import { ERRNO, INIT_OUT_BYTES, NO_ANSWER, O_ACCESS, OP, OP_LEASE, OUT_HEADER_BYTES } from './protocol.ts';
import { kept } from './rollback/keeping.ts';
import type { ServerLeases } from './server_leases.ts';
import { type FuseOptions, FuseState, type Operation, PLACE } from './state.ts';
import type { FolderWatching } from './watching.ts';

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

/** Room for every answer but those whose size the request names: an extended attribute's value is the longest. */
const USUAL_ANSWER_BYTES = 65_536 + 4_096;
/** Where the wanted size stands in READ, READDIR and READDIRPLUS. */
const WANTED_AT = 16;

/** Where answers are written to. */
export interface Answers {
  /** A place in the memory with room for that many bytes; the same one until something is sent. */
  place(roomBytes: number): number;
  /** Takes what lies at the last place; the memory is the server's again when it returns, or another place is told next. */
  send(at: number, sizeBytes: number): void;
}

/** Answers the requests of a kernel with what is below one folder, one after the other. */
export class FuseServer {
  readonly #state: FuseState;
  readonly #answers: Answers;

  /** `rootFd`, a descriptor of a folder, is owned. */
  constructor(posix: Posix, rootFd: number, options: FuseOptions, answers: Answers) {
    this.#state = new FuseState(posix, rootFd, options);
    this.#answers = answers;
  }

  /** Serves without an INIT: what that would settle was settled with the other machine. */
  begin({ hasLongSetxattr }: { readonly hasLongSetxattr: boolean }): void {
    this.#state.hasLongSetxattr = hasLongSetxattr;
    this.#state.isInitialised = true;
  }

  /** Nodes and open files that the kernel holds. */
  get held(): { readonly nodes: number; readonly files: number } {
    return { nodes: this.#state.nodes.size, files: this.#state.files.size };
  }

  /**
   * Serves a request that lies there. False once the kernel has said that it was the last one. One that is `free` has waited for
   * leases of others already.
   */
  serve(at: number, sizeBytes: number, isFree = false): boolean {
    const state = this.#state;
    const { frame } = state;
    if (!frame.read(at, sizeBytes)) return true; // no request of a kernel: there is nobody to answer
    const { opcode, uniqueLow, uniqueHigh } = frame;
    if (!isFree && state.leases?.holdsBack()) return true;
    state.out = this.#answers.place(this.#roomFor(opcode)) + OUT_HEADER_BYTES;
    const { watching } = state;
    const own =
      watching === null ? null : ownChangeOf(frame, state.view, (start, end) => state.text(start, end));
    if (own !== null) watching?.before(own);
    const result = this.#run(opcode);
    state.leases?.served(opcode, result);
    if (own !== null) watching?.after(own);
    const isFolderChanged = result >= 0 && CHANGES_FOLDER.has(opcode) && state.tellsFolders;
    const made = isFolderChanged && opcode === OP.mkdir ? state.nodes.get(idAt(state.view, state.out)) : null;
    if (result !== NO_ANSWER) this.#answer(uniqueLow, uniqueHigh, result);
    if (isFolderChanged) this.#tellFolders(made ?? null);
    return opcode !== OP.destroy;
  }

  /** What the kernel would ask for next: the folder as it is now, and that there is nothing in one that was made. */
  #tellFolders(made: FuseNode | null): void {
    const state = this.#state;
    const { node } = state;
    const send = (roomBytes: number, put: (at: number) => number) => {
      const at = this.#answers.place(roomBytes);
      const sizeBytes = put(at);
      if (sizeBytes > 0) this.#answers.send(at, sizeBytes);
    };
    if (node !== undefined) send(FOLDER_ATTRS_BYTES, (at) => putFolderAttrs(state, at, node));
    if (made !== null) send(FOLDER_NOTE_BYTES, (at) => putEmptyFolder(state, at, made));
  }

  /** Answers a request that was left for later, with 0 or an error. Not while another one is served. */
  answerLater(uniqueLow: number, uniqueHigh: number, result: number): void {
    this.#state.out = this.#answers.place(OUT_HEADER_BYTES) + OUT_HEADER_BYTES;
    this.#answer(uniqueLow, uniqueHigh, result);
  }

  /** Answers a question for a lease. */
  answerGiven(question: number, given: LeaseGiven): void {
    const state = this.#state;
    const asked = state.leases?.given(question, given);
    if (!asked) return;
    state.frame.nodeId = asked.node.id;
    state.out = this.#answers.place(USUAL_ANSWER_BYTES) + OUT_HEADER_BYTES;
    const result = leases.answered(state, given);
    if (result < 0) state.leases?.keeps(asked.node.id, given.epoch, 0);
    this.#answer(asked.uniqueLow, asked.uniqueHigh, result);
  }

  /** Null where nobody has leases. */
  get leases(): ServerLeases | null {
    return this.#state.leases;
  }

  /** Asks the kernel to forget what it knows by a name. */
  tellForgotten(parentId: number, name: string): void {
    this.tell(nameNotice(BigInt(parentId), name, 0));
  }

  /** Tells the kernel something by itself. */
  tell(notice: Uint8Array): void {
    const at = this.#answers.place(notice.byteLength);
    this.#state.posix.memory.bytes.set(notice, at);
    this.#answers.send(at, notice.byteLength);
  }

  /** What changes that this server has not made are heard of by; null where the kernel is told of none. */
  get watching(): FolderWatching | null {
    return this.#state.watching;
  }

  /** Somebody waits for a lock that a program of this machine, or another mount, has: it is to be looked for again. */
  get waitsForLocks(): boolean {
    return this.#state.locks.waitsOutside;
  }

  /** Looks for it. Not while a request is served. */
  retryLocks(): void {
    this.#state.out = this.#answers.place(OUT_HEADER_BYTES) + OUT_HEADER_BYTES;
    this.#state.locks.retry();
  }

  close(): void {
    this.#state.watching?.close();
    this.#state.leases?.close();
    this.#state.locks.close();
    this.#state.files.close();
    this.#state.nodes.close();
  }

  #run(opcode: number): number {
    const state = this.#state;
    if (opcode === OP.init && state.options.far === null) return this.#init();
    if (!state.isInitialised) return -ERRNO.EIO;
    if (opcode === OP_LEASE) return leases.lease(state);
    const refused = state.leases?.refuses() ?? 0;
    if (refused < 0) return refused;
    if (opcode === OP.setlkw)
      return locks.setlkw(state, (low, high, result) => {
        // it comes before the answer to the request that is served, which has no body in this case
        this.#answer(low, high, result);
        state.out = this.#answers.place(OUT_HEADER_BYTES) + OUT_HEADER_BYTES;
      });
    const { recorder } = state.options;
    const deed = recorder === null ? null : deedOf(state);
    if (recorder === null || deed === null) return this.#operate(opcode);
    return recorder.recorded(deed, () => this.#operate(opcode));
  }

  #operate(opcode: number): number {
    const state = this.#state;
    if (state.options.readOnly && this.#changes(opcode)) return -ERRNO.EROFS;
    const operation = OPERATIONS.get(opcode);
    if (operation === undefined) return -ERRNO.ENOSYS;
    const { keeper } = state.options;
    return keeper === undefined || !CHANGING.has(opcode) ? operation(state) : kept(state, keeper, operation);
  }

  #changes(opcode: number): boolean {
    const { view, frame } = this.#state;
    if (opcode === OP.open) return (view.getUint32(frame.body, true) & O_ACCESS) !== 0;
    return CHANGING.has(opcode);
  }

  /** A length of 0 and more, or a negated error. */
  #answer(uniqueLow: number, uniqueHigh: number, result: number): void {
    const { view, out } = this.#state;
    const at = out - OUT_HEADER_BYTES;
    const sizeBytes = OUT_HEADER_BYTES + Math.max(0, result);
    view.setUint32(at, sizeBytes, true);
    view.setInt32(at + 4, Math.min(0, result), true);
    view.setUint32(at + 8, uniqueLow, true);
    view.setUint32(at + 12, uniqueHigh, true);
    this.#answers.send(at, sizeBytes);
  }

  #roomFor(opcode: number): number {
    if (opcode !== OP.read && opcode !== OP.readdir && opcode !== OP.readdirplus) return USUAL_ANSWER_BYTES;
    const { view, frame } = this.#state;
    const wanted = view.getUint32(frame.body + WANTED_AT, true);
    return Math.max(
      USUAL_ANSWER_BYTES,
      OUT_HEADER_BYTES + Math.min(wanted, PLACE.answerBytes - OUT_HEADER_BYTES),
    );
  }

  #init(): number {
    const state = this.#state;
    const { view, frame, out } = state;
    const wantsBacking = state.options.backing !== null;
    const agreed = answerInit(view, view, frame, out, {
      wantsBacking,
      wantsDirect: false,
      hasAcls: true,
      hasLocks: false,
    });
    if (typeof agreed === 'number') return agreed;
    state.hasLongSetxattr = agreed.hasLongSetxattr;
    state.hasBacking = agreed.hasBacking;
    state.isInitialised = agreed.isSettled;
    return INIT_OUT_BYTES;
  }
}
