import { LIMITS } from '../../base/limits.ts';
import { type Chunking, FASTCDC_DEFAULT, isValidChunking } from '../chunker/chunking.ts';

/** Files that programs change in place, in blocks: disk images and databases. */
const CHANGED_IN_PLACE = new Set([
  ...['img', 'raw', 'qcow', 'qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx', 'hdd', 'dsk', 'swap', 'luks'],
  ...[
    'db',
    'db3',
    'sqlite',
    'sqlite3',
    'ibd',
    'mdf',
    'ndf',
    'ldf',
    'mdb',
    'accdb',
    'dbf',
    'fdb',
    'edb',
    'ost',
  ],
]);

const BLOCK_BYTES = 4096;
/** A file without an extension, of whole mebibytes, from this size on: a volume or a preallocated file. */
const IMAGE_MIN_BYTES = 64 * 1024 * 1024;
const MIB = 1024 * 1024;
const FIXED_MIN_BYTES = 64 * 1024;
/** Content-defined chunks vary in length: this many more than the mean says are reckoned with. */
const CDC_COUNT_MARGIN = 2;

export interface ChunkedFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** How the version before was cut, null where there is none: cut in the same way, its chunks need not be read again. */
  readonly previous: Chunking | null;
}

/**
 * How to cut a file for a delta: fixed blocks where it is changed in place, content-defined chunks where bytes shift.
 * Chunks grow with the file, so that a list has at most LIMITS.deltaChunksMax. Null where a delta does not pay: the file is
 * smaller than LIMITS.deltaFileMinBytes, or too large for the largest chunks.
 */
export function chooseChunking(file: ChunkedFile): Chunking | null {
  const { sizeBytes, previous } = file;
  if (sizeBytes < LIMITS.deltaFileMinBytes.value) return null;
  if (previous !== null && isValidChunking(previous) && stillFits(previous, sizeBytes)) return previous;
  return (isChangedInPlace(file) ? null : contentDefined(sizeBytes)) ?? fixed(sizeBytes);
}

/** The way of the version before is kept while the file has no more chunks than allowed, and no bytes shifted between blocks. */
function stillFits(previous: Chunking, sizeBytes: number): boolean {
  const meanBytes =
    previous.kind === 'fixed' ? previous.chunkBytes : previous.averageBytes / CDC_COUNT_MARGIN;
  if (sizeBytes / meanBytes > LIMITS.deltaChunksMax.value) return false;
  return previous.kind === 'fastcdc' || sizeBytes % BLOCK_BYTES === 0;
}

function isChangedInPlace({ name, sizeBytes, previous }: ChunkedFile): boolean {
  if (previous?.kind === 'fixed' && sizeBytes % BLOCK_BYTES !== 0) return false;
  const dot = name.lastIndexOf('.');
  const extension = dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
  // a volume often has a name without an extension; a file with another one may have what it holds moved
  const isLikeVolume = extension === '' && sizeBytes >= IMAGE_MIN_BYTES && sizeBytes % MIB === 0;
  return CHANGED_IN_PLACE.has(extension) || isLikeVolume;
}

function fixed(sizeBytes: number): Chunking | null {
  let chunkBytes = FIXED_MIN_BYTES;
  while (sizeBytes / chunkBytes > LIMITS.deltaChunksMax.value) chunkBytes *= 2;
  return chunkBytes <= LIMITS.chunkMaxBytes.value ? { kind: 'fixed', chunkBytes } : null;
}

function contentDefined(sizeBytes: number): Chunking | null {
  let { minBytes, averageBytes, maxBytes } = FASTCDC_DEFAULT;
  while ((sizeBytes / averageBytes) * CDC_COUNT_MARGIN > LIMITS.deltaChunksMax.value) {
    minBytes *= 2;
    averageBytes *= 2;
    maxBytes *= 2;
  }
  return maxBytes <= LIMITS.chunkMaxBytes.value
    ? { ...FASTCDC_DEFAULT, minBytes, averageBytes, maxBytes }
    : null;
}
