import { Chance, Zipf } from '../../cache/traces/chance.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Of all bytes: what is read once, and what is written. All else is read from files that are read over and over. */
const COLD_SHARE = 0.03;
const WRITTEN_SHARE = 0.08;
/** The files that are read over and over take no more of the load, and of the cache. */
const HOT_SHARE = 1 / 40;
const HOT_OF_CACHE = 0.6;
const [HOT_MIN_BYTES, HOT_MAX_BYTES] = [16 * KIB, 512 * KIB];
const [WRITTEN_MIN_BYTES, WRITTEN_MAX_BYTES] = [4 * KIB, 64 * KIB];
const ZIPF = 0.9;

export interface LoadFile {
  readonly name: string;
  readonly sizeBytes: number;
}

/** `read`: a file in whole; `write`: a new file, closed; `change`: one of those, overwritten in place, closed. */
export interface LoadStep extends LoadFile {
  readonly kind: 'read' | 'write' | 'change';
}

export interface ModeLoad {
  /** What is there before. */
  readonly files: readonly LoadFile[];
  readonly steps: readonly LoadStep[];
}

/** A mixed load of about `loadBytes`, the same for the same seed. */
export function modeLoad(options: {
  readonly loadBytes: number;
  readonly cacheBytes: number;
  readonly seed: number;
}): ModeLoad {
  const { loadBytes, cacheBytes, seed } = options;
  const chance = new Chance(seed);
  const hot = filesOf('hot', Math.min(loadBytes * HOT_SHARE, cacheBytes * HOT_OF_CACHE), () =>
    between(chance, HOT_MIN_BYTES, HOT_MAX_BYTES),
  );
  const cold = filesOf('cold', loadBytes * COLD_SHARE, () => MIB);
  const written = filesOf('new', loadBytes * WRITTEN_SHARE, () =>
    between(chance, WRITTEN_MIN_BYTES, WRITTEN_MAX_BYTES),
  );
  const zipf = new Zipf(hot.length, ZIPF, chance);
  const steps: LoadStep[] = cold.map((file) => ({ kind: 'read', ...file }));
  for (const file of written) steps.push({ kind: 'write', ...file });
  for (let bytes = loadBytes * (1 - COLD_SHARE - WRITTEN_SHARE); bytes > 0; ) {
    const file = hot[zipf.next()] as LoadFile;
    steps.push({ kind: 'read', ...file });
    bytes -= file.sizeBytes;
  }
  return { files: [...hot, ...cold], steps: withChanges(chance.shuffle(steps), chance) };
}

/** One write in four changes a file that was written long before, so that nobody writes it at the same time. */
function withChanges(steps: readonly LoadStep[], chance: Chance): LoadStep[] {
  const written: LoadFile[] = [];
  const young: LoadFile[] = [];
  return steps.map((step) => {
    if (step.kind !== 'write') return step;
    if (written.length > 0 && chance.below(4) === 0)
      return { kind: 'change', ...(written[chance.below(written.length)] as LoadFile) };
    young.push({ name: step.name, sizeBytes: step.sizeBytes });
    if (young.length > YOUNG_MAX) written.push(young.shift() as LoadFile);
    return step;
  });
}

/** More steps than are under way at a time. */
const YOUNG_MAX = 64;

function filesOf(kind: string, bytes: number, sizeOf: () => number): LoadFile[] {
  const files: LoadFile[] = [];
  for (let left = bytes; left > 0 || files.length === 0; ) {
    const sizeBytes = sizeOf();
    files.push({ name: `${kind}-${String(files.length).padStart(6, '0')}`, sizeBytes });
    left -= sizeBytes;
  }
  return files;
}

/** In whole KiB, evenly over the powers of two. */
function between(chance: Chance, min: number, max: number): number {
  return Math.round((min * (max / min) ** chance.next()) / KIB) * KIB;
}
