import type { Clock, Random } from '../../world/clock.ts';
import type { Cryptography } from '../../world/cryptography.ts';
import type { Disk } from '../../world/disk.ts';
import type { Offload } from '../../world/offload.ts';

/** What a store needs of the world. */
export interface StorePorts {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly random: Pick<Random, 'bytes'>;
  readonly disk: Pick<Disk, 'openRoot'>;
  readonly crypto: Pick<Cryptography, 'aead'>;
  /** Threads that seal and open blocks; without them the calling thread does. */
  readonly offload?: Pick<Offload, 'run'>;
}
