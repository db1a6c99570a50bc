import type { EntryKind } from '../world/disk.ts';

/**
 * What has happened to an entry of a watched folder. Paths are relative to it, with `/` between names. What a folder holds
 * goes with it where it is deleted or renamed, without a change of its own; what comes with a folder that is new has one.
 */
export type Change =
  | {
      readonly kind: 'create' | 'modify' | 'attributes' | 'delete';
      readonly path: string;
      readonly type: EntryKind;
    }
  /** What had the new name before is gone. */
  | { readonly kind: 'rename'; readonly path: string; readonly from: string; readonly type: EntryKind }
  /** Changes were missed. What differs is found by looking at everything, and follows. */
  | { readonly kind: 'overflow' };
