import type { Clock, Random } from './clock.ts';
import type { Compression } from './compression.ts';
import type { Disk } from './disk.ts';
import type { LaneThreads } from './lane_threads.ts';
import type { Identities, Net } from './net.ts';
import type { Offload } from './offload.ts';
import type { Processes } from './process.ts';
import type { SameMachine } from './same_machine.ts';

/**
 * Everything that is not a function of its arguments. Production code runs on `world/node`, the simulator on
 * `world/sim`; nothing else reaches time, chance, disk, network or other processes.
 */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly net: Net;
  readonly process: Processes;
  readonly identities: Identities;
  readonly offload: Offload;
  readonly compression: Compression;
  /** Absent where connections cannot be served by threads. */
  readonly lanes?: LaneThreads | null;
  /** Absent where processes of one machine cannot find each other. */
  readonly sameMachine?: SameMachine | null;
}
