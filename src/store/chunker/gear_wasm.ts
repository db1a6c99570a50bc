import { wasm, wasmModule } from '../../base/wasm_module.ts';
import { GEAR, type GearScanner } from './gear.ts';

/** Layout of the module's memory: two tables of 256 words, the hash, then bytes that are copied in, then the window. */
const GEAR_AT = 0;
const SHIFTED_GEAR_AT = 1024;
const HASH_AT = 2048;
const STAGE_AT = 4096;
const PAGE_BYTES = 65_536;
const STAGE_BYTES = PAGE_BYTES - STAGE_AT;
const WINDOW_AT = PAGE_BYTES;

/** Gives the address behind the byte at which the hash matched, or 0; keeps the hash in memory. */
type FindKernel = (at: number, end: number, mask: number, shiftedMask: number) => number;

interface WasmInstance {
  readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly find: FindKernel };
}

declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => WasmInstance;
};

export function hasWebAssembly(): boolean {
  return typeof WebAssembly !== 'undefined';
}

/** The scanner as machine code, two bytes a step: about three times as fast as the plain one, with the same results. */
export class WasmGearScanner implements GearScanner {
  readonly window: Uint8Array;
  readonly #memory: Uint8Array;
  readonly #hash: Int32Array;
  readonly #find: FindKernel;

  constructor(windowBytes: number) {
    const memoryPages = (WINDOW_AT + Math.ceil(windowBytes / PAGE_BYTES) * PAGE_BYTES) / PAGE_BYTES;
    const bytes = wasmModule({ function: FIND, memoryPages });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    const { buffer } = exports.memory;
    this.#find = exports.find;
    this.#memory = new Uint8Array(buffer);
    this.#hash = new Int32Array(buffer, HASH_AT, 1);
    this.window = new Uint8Array(buffer, WINDOW_AT, windowBytes);
    const words = new DataView(buffer);
    for (const [value, word] of GEAR.entries()) {
      words.setUint32(GEAR_AT + 4 * value, word, true);
      words.setUint32(SHIFTED_GEAR_AT + 4 * value, word << 1, true);
    }
  }

  reset(): void {
    this.#hash[0] = 0;
  }

  find(bytes: Uint8Array, from: number, to: number, mask: number): number {
    if (bytes.buffer === this.#memory.buffer) {
      const start = bytes.byteOffset + from;
      const found = this.#find(start, bytes.byteOffset + to, mask, mask << 1);
      return found === 0 ? 0 : found - start;
    }
    for (let at = from; at < to; at += STAGE_BYTES) {
      const end = Math.min(to, at + STAGE_BYTES);
      this.#memory.set(bytes.subarray(at, end), STAGE_AT);
      const found = this.#find(STAGE_AT, STAGE_AT + end - at, mask, mask << 1);
      if (found !== 0) return at - from + found - STAGE_AT;
    }
    return 0;
  }
}

const AT = 0;
const END = 1;
const MASK = 2;
const SHIFTED_MASK = 3;
const HASH = 4;

const { get, set, tee } = wasm;
const advance = (by: number): number[] => [...get(AT), ...wasm.constant(by), ...wasm.add, ...set(AT)];
const shiftHash = (by: number): number[] => [...get(HASH), ...wasm.constant(by), ...wasm.shiftLeft];
/** The word of a table for the byte at AT + `ahead`. */
const wordOf = (table: number, ahead: number): number[] => [
  ...[...get(AT), ...wasm.load8(ahead)],
  ...[...wasm.constant(2), ...wasm.shiftLeft, ...wasm.load32(table)],
];
/** With the new hash on the stack: keeps it, and returns AT + `ahead` where no bit of the mask is set in it. */
const returnIfMatch = (mask: number, ahead: number): number[] => [
  ...[...wasm.add, ...tee(HASH), ...get(mask), ...wasm.and, ...wasm.isZero],
  ...[...wasm.if, ...get(AT), ...wasm.constant(ahead), ...wasm.add, ...wasm.return, ...wasm.end],
];

/**
 * Two bytes a step as in Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage
 * Systems" (IEEE TPDS 31, 2020), section 5: shift once by two, add the shifted word of the first byte and test the hash,
 * which is that of the first byte shifted by one, with the shifted mask; then add the word of the second byte.
 */
const FIND = {
  name: 'find',
  parameters: 4,
  locals: 1,
  code: [
    ...[...wasm.constant(HASH_AT), ...wasm.load32(0), ...set(HASH)],
    ...wasm.block,
    ...wasm.loop,
    // leave where fewer than two bytes are left
    ...[...get(AT), ...wasm.constant(1), ...wasm.add, ...get(END), ...wasm.isBelow],
    ...[...wasm.isZero, ...wasm.branchIf(1)],
    ...[...shiftHash(2), ...wordOf(SHIFTED_GEAR_AT, 0), ...returnIfMatch(SHIFTED_MASK, 1)],
    ...[...get(HASH), ...wordOf(GEAR_AT, 1), ...returnIfMatch(MASK, 2)],
    ...[...advance(2), ...wasm.branch(0)],
    ...wasm.end,
    ...wasm.end,
    // an odd last byte
    ...[...get(AT), ...get(END), ...wasm.isBelow, ...wasm.if],
    ...[...shiftHash(1), ...wordOf(GEAR_AT, 0), ...returnIfMatch(MASK, 1)],
    ...wasm.end,
    ...[...wasm.constant(HASH_AT), ...get(HASH), ...wasm.store32(0)],
    ...wasm.constant(0),
  ],
} as const;
