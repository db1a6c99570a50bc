import { CausewayError } from '../../../base/errors.ts';
import type { AttrPatch } from '../../disk.ts';
import { never, type SimProcess } from '../process.ts';
import type { Operation } from '../trace.ts';
import { diskError } from './failure.ts';
import type { AccessKind, DiskFaultInjector } from './injector.ts';
import type { Inode } from './inode.ts';
import type { MountTable } from './mounts.ts';

export type FreezeKind = 'read' | 'write' | 'sync';

/** Operations that wait until their kind is thawed. */
export class Freezer {
  readonly #frozen = new Map<FreezeKind, (() => void)[]>();

  freeze(kind: FreezeKind): void {
    if (!this.#frozen.has(kind)) this.#frozen.set(kind, []);
  }

  /** Lets what waits go on, in the order it came. */
  thaw(kind: FreezeKind): void {
    const waiting = this.#frozen.get(kind) ?? [];
    this.#frozen.delete(kind);
    for (const go of waiting) go();
  }

  isFrozen(kind: AccessKind): boolean {
    return kind !== 'metadata' && this.#frozen.has(kind);
  }

  /** Calls `go` when the kind is thawed. */
  wait(kind: AccessKind, go: () => void): void {
    if (kind !== 'metadata') this.#frozen.get(kind)?.push(go);
  }
}

/** What the disk of a machine shares with the handles that its processes hold. */
export interface DiskParts {
  readonly mounts: MountTable;
  readonly injector: DiskFaultInjector;
  readonly freezer: Freezer;
  /** 0 passes all permission checks. */
  readonly userId: number;
}

/** The way of one process to the disk of its machine: every operation is counted, delayed, frozen and failed here. */
export class DiskPort {
  readonly process: SimProcess;
  readonly parts: DiskParts;

  constructor(process: SimProcess, parts: DiskParts) {
    this.process = process;
    this.parts = parts;
  }

  /** Does `action` as an operation of the process. */
  run<T>(operation: Operation, kind: AccessKind, name: string, action: () => T, number = 0): Promise<T> {
    const { injector } = this.parts;
    const attempt = (): T => {
      injector.mayFail(kind, name);
      return action();
    };
    return this.runRaw(operation, kind, name, attempt, number);
  }

  /** As {@link run}, for an action that draws its own failures. */
  runRaw<T>(operation: Operation, kind: AccessKind, name: string, action: () => T, number = 0): Promise<T> {
    const { freezer, injector } = this.parts;
    const frozen = freezer.isFrozen(kind);
    if (!this.process.enter(operation, name, frozen ? null : action, number)) return never<T>();
    if (!frozen) return this.process.perform(action, injector.delayMs());
    const waiter = this.process.waiter<T>();
    freezer.wait(kind, () => {
      if (this.process.running)
        this.process.perform(action, injector.delayMs()).then(waiter.resolve, waiter.reject);
    });
    return waiter.promise;
  }

  /** Throws CW_DISK_PERMISSION where somebody who is not root would give an entry away. */
  checkOwner(inode: Inode, { userId, groupId }: AttrPatch, name: string): void {
    const changes = (wanted: number | undefined, had: number): boolean =>
      wanted !== undefined && wanted !== had;
    if (this.parts.userId !== 0 && (changes(userId, inode.userId) || changes(groupId, inode.groupId)))
      throw diskError('CW_DISK_PERMISSION', name);
  }

  /** A new entry belongs to the user of the process. */
  own<T extends Inode>(inode: T): T {
    inode.userId = this.parts.userId;
    inode.groupId = this.parts.userId;
    inode.commitAttrs();
    return inode;
  }

  /** Throws CW_DISK_PERMISSION unless the owner bits allow `bit` (4 read, 2 write, 1 search). */
  checkAccess(inode: Inode, bit: 1 | 2 | 4, name: string): void {
    if (this.parts.userId !== 0 && ((inode.mode >> 6) & bit) === 0)
      throw diskError('CW_DISK_PERMISSION', name);
  }
}

/** Throws for an operation on a handle that was closed: a bug of the caller. */
export function checkOpen(open: boolean, name: string): void {
  if (!open)
    throw new CausewayError('CW_INTERNAL', `the handle of ${JSON.stringify(name)} was closed before`);
}
