import { CausewayError } from '../../base/errors.ts';
import { parseName } from '../../base/path.ts';
import { throwIfAborted } from '../../base/signal.ts';
import type { Clock } from '../../world/clock.ts';
import type { Dir } from '../../world/disk.ts';
import type { LoadFile, LoadStep } from './mode_load.ts';

/** Steps that are under way at a time: no more than threads that wait for files. */
const PARALLEL = 4;
const PIECE_BYTES = 1024 * 1024;

/** How long steps of a kind took. */
export interface StepTimes {
  readonly count: number;
  readonly bytes: number;
  readonly meanUs: number;
  readonly p99Us: number;
}

export interface LoadTimes {
  readonly elapsedMs: number;
  readonly reads: StepTimes;
  readonly writes: StepTimes;
}

export interface StepPorts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly signal: AbortSignal;
}

/** What a file holds: a function of its name. */
function contentOf({ name, sizeBytes }: LoadFile): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let word = 0;
  for (const letter of name) word = (Math.imul(word, 31) + letter.charCodeAt(0)) >>> 0;
  for (let at = 0; at < sizeBytes; at += 1) bytes[at] = (word >>> (8 * (at & 3))) + (at >>> 8);
  return bytes;
}

/** Does the steps in a folder, several at a time; each file that is read is compared at its ends. CW_BENCH, CW_DISK_*. */
export async function runSteps(
  dir: Dir,
  steps: readonly LoadStep[],
  { clock, signal }: StepPorts,
): Promise<LoadTimes> {
  const took = { reads: [] as number[], writes: [] as number[] };
  const bytes = { reads: 0, writes: 0 };
  const startMs = clock.monotonicMs();
  let next = 0;
  const work = async () => {
    const memory = new Uint8Array(PIECE_BYTES);
    for (let step = steps[next++]; step !== undefined; step = steps[next++]) {
      throwIfAborted(signal);
      const kind = step.kind === 'read' ? 'reads' : 'writes';
      const content = step.kind === 'read' ? null : contentOf(step);
      const beganMs = clock.monotonicMs();
      if (content === null) await readFile(dir, step, memory);
      else await writeFile(dir, step.name, content, step.kind === 'write' ? 'create' : 'write');
      took[kind].push(clock.monotonicMs() - beganMs);
      bytes[kind] += step.sizeBytes;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  const elapsedMs = clock.monotonicMs() - startMs;
  const times = (kind: 'reads' | 'writes') => timesOf(took[kind], bytes[kind]);
  return { elapsedMs, reads: times('reads'), writes: times('writes') };
}

export async function layFiles(dir: Dir, files: readonly LoadFile[]): Promise<void> {
  for (const file of files) await writeFile(dir, file.name, contentOf(file), 'create');
}

/** Whether the file is there, whole. CW_DISK_*. */
export async function isThere(dir: Dir, file: LoadFile): Promise<boolean> {
  try {
    await readFile(dir, file, new Uint8Array(PIECE_BYTES));
    return true;
  } catch (failure) {
    const isMissing = failure instanceof CausewayError && /^CW_(BENCH|DISK_NOT_FOUND)$/.test(failure.code);
    if (isMissing) return false;
    throw failure;
  }
}

async function readFile(dir: Dir, file: LoadFile, memory: Uint8Array): Promise<void> {
  await using open = await dir.openFile(parseName(file.name), 'read');
  const expected = contentOf({ ...file, sizeBytes: Math.min(file.sizeBytes, 4) });
  for (let at = 0; at < file.sizeBytes; ) {
    const sizeBytes = await open.read(memory.subarray(0, file.sizeBytes - at), at);
    const isWrong = at === 0 && expected.some((byte, index) => memory[index] !== byte);
    if (sizeBytes === 0 || isWrong)
      throw new CausewayError('CW_BENCH', `${file.name} does not hold what was written`);
    at += sizeBytes;
  }
}

async function writeFile(dir: Dir, name: string, bytes: Uint8Array, mode: 'create' | 'write'): Promise<void> {
  const open = await dir.openFile(parseName(name), mode, 0o644);
  try {
    for (let at = 0; at < bytes.byteLength; ) at += await open.write(bytes.subarray(at), at);
  } finally {
    await open.close(); // which tells what went wrong
  }
}

export function timesOf(tookMs: readonly number[], bytes: number): StepTimes {
  const sorted = tookMs.toSorted((one, other) => one - other);
  const sumMs = sorted.reduce((sum, ms) => sum + ms, 0);
  const p99Ms = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? 0;
  const meanUs = Math.round((1_000 * sumMs) / Math.max(1, sorted.length));
  return { count: sorted.length, bytes, meanUs, p99Us: Math.round(1_000 * p99Ms) };
}
