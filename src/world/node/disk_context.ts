import type { Anchor } from './anchor.ts';
import type { DiskMode, FsCalls } from './fs_calls.ts';
import type { RangeCalls } from './range_calls.ts';
import type { Syscalls } from './syscalls.ts';
import type { XattrCalls } from './xattr_calls.ts';

/** What all handles of one disk share. */
export interface DiskContext {
  readonly mode: DiskMode;
  readonly calls: FsCalls;
  readonly anchor: Anchor;
  /** Null where the platform has none: every use has a pure-Node way. */
  readonly syscalls: Syscalls | null;
  /** Null where the platform has none: files are then without that capability. */
  readonly rangeCalls: RangeCalls | null;
  readonly xattrCalls: XattrCalls | null;
}
