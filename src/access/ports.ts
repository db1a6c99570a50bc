import type { Clock, Random } from '../world/clock.ts';
import type { Cryptography } from '../world/cryptography.ts';

/** What the modules of this folder need of the world, besides the disk. */
export interface AccessPorts {
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs' | 'sleep'>;
  readonly random: Pick<Random, 'bytes'>;
  readonly crypto: Cryptography;
}
