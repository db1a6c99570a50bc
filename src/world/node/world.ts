import type { World } from '../world.ts';
import { createNodeClock } from './clock.ts';
import { createNodeCompression } from './compression.ts';
import { createNodeDisk, type NodeDiskOptions } from './disk.ts';
import { createNodeIdentities } from './identities.ts';
import { createLaneThreads } from './lane/lane_threads.ts';
import { createNodeNet } from './net.ts';
import { createNodeOffload, type ThreadModule } from './offload.ts';
import { createNodeProcesses } from './process.ts';
import { createNodeRandom } from './random.ts';
import { createSameMachine } from './same_machine.ts';

export { createNodeDisk, type NodeDiskOptions } from './disk.ts';
export type { ThreadModule } from './offload.ts';

export interface NodeWorldOptions {
  readonly disk?: NodeDiskOptions;
  /** What threads for disk work run; without it such work is done in the calling thread. */
  readonly threads?: ThreadModule;
  /** What threads run that serve a connection of a lane; without it lanes stay on the link. */
  readonly lanes?: ThreadModule;
}

/** The real world. One per thread; a worker thread asks for `disk: { mode: 'blocking' }`. */
export function createNodeWorld(options: NodeWorldOptions = {}): World {
  const random = createNodeRandom();
  const disk = createNodeDisk(options.disk);
  return {
    clock: createNodeClock(),
    random,
    disk,
    net: createNodeNet(),
    process: createNodeProcesses(),
    identities: createNodeIdentities(),
    offload: createNodeOffload(options.threads ?? null),
    compression: createNodeCompression(),
    lanes: options.lanes === undefined ? null : createLaneThreads(options.lanes),
    sameMachine: createSameMachine(random, disk),
  };
}
