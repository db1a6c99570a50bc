import type { LocalTime } from '../world/local_time.ts';
import type { World } from '../world/world.ts';
import type { CopyRates } from './copy_rates.ts';
import type { Machines } from './machines.ts';

/** Where the files of uploads lie. */
export interface UploadFolders {
  /** Whether its files are there still. */
  has(id: string): boolean;
  /** Absolute. */
  folderOf(id: string): string;
}

/** What all jobs of a daemon stand on. */
export interface JobGround {
  readonly world: World;
  readonly machines: Machines;
  readonly localTime: LocalTime;
  readonly deviceId: string;
  /** The rate that all copies share; undefined where there is none. */
  readonly rates?: CopyRates | undefined;
  /** Absent: no copy is made of uploads. */
  readonly uploads?: UploadFolders | undefined;
}
