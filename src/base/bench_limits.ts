import { bytes, count, MIB, ms } from './limit.ts';

/** Those of `causeway bench shares`, a part of LIMITS. */
export const BENCH_LIMITS = {
  benchSizeMinBytes: bytes(MIB, 'smallest file that `causeway bench shares` reads and writes'),
  benchSizeMaxBytes: bytes(1024 ** 4, 'largest file that `causeway bench shares` reads and writes'),
  benchLoadMinBytes: bytes(16 * MIB, 'smallest load of `causeway bench cache --modes`'),
  benchFilesMax: count(1_000_000, 'small files that `causeway bench shares` makes and lists'),
  benchConnectionsMax: count(
    1_000,
    'clients of `causeway bench shares` at once: as many threads wait for files',
  ),
  benchReadsMax: count(1_000_000, 'reads of one figure of `causeway bench shares`'),
  benchRoundsMax: count(100, 'rounds of `causeway bench shares`'),
  benchStartMs: ms(30_000, 'how long a server that is measured may take until it serves'),
  benchTaskMs: ms(15 * 60_000, 'how long one figure of one share may take; beyond, it is given up'),
};
