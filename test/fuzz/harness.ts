import { getHeapStatistics } from 'node:v8';
import { toHex } from '../../src/base/bytes.ts';
import { CausewayError } from '../../src/base/errors.ts';
import { arbitrary, mutated, repetitive, SeededRandom } from './random_bytes.ts';

/** A decoder under test. */
export interface Target {
  readonly name: string;
  /** Good inputs, from which bad ones are made. */
  readonly corpus: readonly Uint8Array[];
  /** Decodes and checks what it can of the result; anything thrown but a CausewayError of `codes` is a finding. */
  readonly decode: (bytes: Uint8Array) => void;
  readonly codes: RegExp;
  /** Makes the checksum of a changed input right again, so that what stands behind the checksum is reached. */
  readonly repair?: (bytes: Uint8Array) => Uint8Array;
}

export interface FuzzReport {
  readonly inputs: number;
  readonly accepted: number;
}

export const WIRE_CODES = /^CW_WIRE_/;
export const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
/** Inputs of each target; FUZZ_RUNS asks for more. */
export const RUNS = Number(process.env['FUZZ_RUNS'] ?? 14_000);

/** What a decoder may allocate: a share of the input, and a base for what a refusal and its stack cost. */
const ALLOCATED_PER_BYTE = 512;
const ALLOCATED_BASE_BYTES = 2 * 1024 * 1024;
/** Processor time, not time on the clock: above it an input of a few kilobytes hangs its decoder. */
const CPU_MAX_MICROS = 1_000_000;
const LARGE_INPUTS = 16;
const LARGE_BYTES = 128 * 1024;

/** Feeds `runs` inputs to the target. Throws an error that holds the input of the first finding. */
export function fuzz(target: Target, runs = RUNS, seed = SEED): FuzzReport {
  const random = new SeededRandom(seed);
  let accepted = 0;
  for (let run = 0; run < runs; run += 1) {
    if (isAccepted(target, inputOf(target, random, run >= runs - LARGE_INPUTS))) accepted += 1;
  }
  return { inputs: runs, accepted };
}

function inputOf(target: Target, random: SeededRandom, large: boolean): Uint8Array {
  if (large) return repetitive(random, LARGE_BYTES);
  if (random.below(8) === 0) return arbitrary(random);
  const changed = mutated(random.pick(target.corpus), random);
  return target.repair !== undefined && random.below(4) > 0 ? target.repair(changed) : changed;
}

function isAccepted(target: Target, input: Uint8Array): boolean {
  const before = allocatedBytes();
  const cpuBefore = process.cpuUsage();
  const refusal = refusalOf(target, input);
  const cpu = process.cpuUsage(cpuBefore);
  // a collection in between makes the figure smaller, never larger
  const allocated = allocatedBytes() - before;
  if (allocated > ALLOCATED_BASE_BYTES + ALLOCATED_PER_BYTE * input.byteLength) {
    throw finding(target, input, `allocates ${allocated} bytes for an input of ${input.byteLength}`);
  }
  const cpuMicros = cpu.user + cpu.system;
  if (cpuMicros > CPU_MAX_MICROS) throw finding(target, input, `takes ${cpuMicros} µs`);
  return refusal === null;
}

function refusalOf(target: Target, input: Uint8Array): CausewayError | null {
  try {
    target.decode(input);
    return null;
  } catch (thrown) {
    if (thrown instanceof CausewayError && target.codes.test(thrown.code)) return thrown;
    throw finding(target, input, `throws ${thrown}`, thrown);
  }
}

function allocatedBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

function finding(target: Target, input: Uint8Array, what: string, cause?: unknown): Error {
  const hex = toHex(input.subarray(0, 4096));
  return new Error(`${target.name} ${what}; SEED=${SEED}, input ${hex}`, { cause });
}
