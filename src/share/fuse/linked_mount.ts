import type { CausewayError } from '../../base/errors.ts';
import type { LanePort } from '../../link/lane/lane_port.ts';
import type { Stream } from '../../link/mux/mux.ts';
import type { MountHello, MountReady } from '../../wire/mount_messages.ts';
import type { KernelMount } from '../../world/mounts.ts';
import type { FarCacheFigures } from './far_cache.ts';
import type { FarRuleSettings } from './far_rule.ts';

/** What a cache came to, where its mount tells at once or later. */
export interface LinkedCache {
  readonly figures: FarCacheFigures | Promise<FarCacheFigures>;
  /** What becomes of writes, and of what is read in order, from now on. */
  rule: FarRuleSettings;
}

/** A mount of this machine of a folder that another one has, over one stream after the other. */
export interface LinkedMount {
  readonly kernel: Pick<KernelMount, 'mountpoint' | 'owner' | 'ended'>;
  /** Null where no blocks are kept. */
  readonly cache: LinkedCache | null;
  readonly isReadOnly: boolean;
  /** Resolves once it is over, and nothing of it is under way any more. */
  readonly ended: Promise<unknown>;
  /** What the other side is told first. */
  hello(): Promise<MountHello>;
  /** Works over the stream until it ends: why it did, or null. `lanes` gives it connections beside the link; null: none. */
  run(stream: Stream, ready: MountReady, lanes?: LanePort | null): Promise<CausewayError | null>;
  /** Whether the link has no carrier at the moment. */
  stalled(isStalled: boolean): void;
  close(): Promise<void>;
}
