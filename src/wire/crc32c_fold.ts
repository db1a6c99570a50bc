/*
 * Shortens a long message to about 3 KiB that have the same CRC32C, with vector XORs only.
 *
 * The idea is Sam Russell's ("Chorba: a novel CRC32 implementation", 2024, arXiv:2412.16398). A multiple of the CRC's
 * polynomial has remainder zero, so adding it anywhere changes no CRC. The multiple
 *     x^209 + x^144 + x^54 + x^39 + x^14 + 1
 * stays one when x is replaced by x^128 (squaring is linear over GF(2)), so it can be laid over blocks of 16 bytes: to
 * clear a block, XOR it into the blocks 65, 155, 170, 195 and 209 further on. Seen from the block that receives:
 *     cleared[p] = message[p] ^ cleared[p - 65] ^ cleared[p - 155] ^ … ^ cleared[p - 209]
 * After all but the last 209 blocks are cleared, only those are left to be looked at by table.
 * An exhaustive search found this multiple: no other with six terms has a lower degree. With four terms the lowest degree
 * is 5,275, which would leave 82 KiB for the tables; an odd number of terms is impossible, as x + 1 divides the polynomial.
 */

const BLOCK_BYTES = 16;
/** How many blocks ahead a cleared block lands: 209 minus each exponent of the multiple above but the first. */
export const FOLD_DISTANCES = [65, 155, 170, 195, 209] as const;
const REACH_BYTES = 209 * BLOCK_BYTES;
const STEP_BYTES = 4 * BLOCK_BYTES;
const STAGE_BYTES = 64 * 1024;
const TAIL_SPAN_BYTES = Math.ceil(REACH_BYTES / STEP_BYTES) * STEP_BYTES;

/** Layout of the module's memory: the last cleared blocks, the piece in work behind them, the end of the message. */
const PIECE_AT = REACH_BYTES;
const TAIL_AT = PIECE_AT + STAGE_BYTES;
const MEMORY_PAGES = 2;

/** Below this length the tables are quicker than folding and then using them on what is left. */
export const FOLD_MIN_BYTES = 6 * 1024;

/** Clears `endAt - messageAt` bytes, a positive multiple of STEP_BYTES; `historyAt` is REACH_BYTES before the first. */
type FoldKernel = (messageAt: number, historyAt: number, clearedAt: number, endAt: number) => void;

interface Folder {
  readonly memory: Uint8Array;
  readonly fold: FoldKernel;
}

/** Undefined until first used; null where the processor lacks the vector instructions that the module needs. */
let folder: Folder | null | undefined;

/**
 * A message shorter than 3,408 bytes whose CRC state, started at 0, ends where that of `bytes` started at `state` does;
 * `bytes` has at least FOLD_MIN_BYTES. The result is valid until the next call. Null where vectors are missing.
 */
export function foldForCrc32c(bytes: Uint8Array, state: number): Uint8Array | null {
  if (folder === undefined) folder = makeFolder();
  if (folder === null) return null;
  const { memory, fold } = folder;
  const cutAt = Math.floor((bytes.byteLength - REACH_BYTES) / STEP_BYTES) * STEP_BYTES;
  memory.fill(0, 0, REACH_BYTES);
  for (let at = 0; at < cutAt; at += STAGE_BYTES) {
    const pieceBytes = Math.min(STAGE_BYTES, cutAt - at);
    memory.set(bytes.subarray(at, at + pieceBytes), PIECE_AT);
    if (at === 0) mixIn(memory, state);
    fold(PIECE_AT, 0, PIECE_AT, PIECE_AT + pieceBytes);
    memory.copyWithin(0, pieceBytes, pieceBytes + REACH_BYTES);
  }
  // Blocks behind the cut stay: they receive from the cleared ones and, seen as history, have nothing to give.
  const tailBytes = bytes.byteLength - cutAt;
  memory.fill(0, REACH_BYTES, REACH_BYTES + TAIL_SPAN_BYTES);
  memory.set(bytes.subarray(cutAt), TAIL_AT);
  fold(TAIL_AT, 0, TAIL_AT, TAIL_AT + TAIL_SPAN_BYTES);
  return memory.subarray(TAIL_AT, TAIL_AT + tailBytes);
}

/** The state of a CRC before a message equals four bytes XORed into its start. */
function mixIn(memory: Uint8Array, state: number): void {
  for (let i = 0; i < 4; i += 1)
    memory[PIECE_AT + i] = (memory[PIECE_AT + i] as number) ^ ((state >>> (8 * i)) & 0xff);
}

interface WasmInstance {
  readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly fold: FoldKernel };
}

declare const WebAssembly: {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => WasmInstance;
};

function makeFolder(): Folder | null {
  const module = foldModule();
  if (typeof WebAssembly === 'undefined' || !WebAssembly.validate(module)) return null;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module));
  return { memory: new Uint8Array(exports.memory.buffer), fold: exports.fold };
}

const MESSAGE = 0;
const HISTORY = 1;
const CLEARED = 2;
const END = 3;

/** The module in WebAssembly's binary format, about 300 bytes: `fold` as above and its memory. */
function foldModule(): Uint8Array {
  const I32 = 0x7f;
  const signature = [0x60, 4, I32, I32, I32, I32, 0];
  const code = [0, ...foldLoop(), 0x0b];
  const exported = [2, ...name('memory'), 2, 0, ...name('fold'), 0, 0];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, ...signature]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, MEMORY_PAGES]),
    ...section(7, exported),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

/** loop: clear four blocks; advance the three pointers; again while MESSAGE < END */
function foldLoop(): number[] {
  const body: number[] = [];
  for (let offset = 0; offset < STEP_BYTES; offset += BLOCK_BYTES) {
    body.push(...get(CLEARED), ...get(MESSAGE), ...loadVector(offset));
    for (const distance of FOLD_DISTANCES) {
      body.push(
        ...get(HISTORY),
        ...loadVector(REACH_BYTES - distance * BLOCK_BYTES + offset),
        ...XOR_VECTORS,
      );
    }
    body.push(...storeVector(offset));
  }
  for (const pointer of [MESSAGE, HISTORY, CLEARED]) body.push(...advanceBy(pointer, STEP_BYTES));
  const againWhileBelowEnd = [...get(MESSAGE), ...get(END), 0x49, 0x0d, 0];
  return [0x03, 0x40, ...body, ...againWhileBelowEnd, 0x0b];
}

const XOR_VECTORS = [0xfd, 0x51] as const;
const get = (local: number): number[] => [0x20, local];
const loadVector = (offset: number): number[] => [0xfd, 0x00, 0, ...unsigned(offset)];
const storeVector = (offset: number): number[] => [0xfd, 0x0b, 0, ...unsigned(offset)];
const advanceBy = (local: number, bytes: number): number[] => [
  0x20,
  local,
  0x41,
  ...signed(bytes),
  0x6a,
  0x21,
  local,
];
const section = (id: number, content: number[]): number[] => [id, ...unsigned(content.length), ...content];
const name = (text: string): number[] => [text.length, ...Array.from(text, (letter) => letter.charCodeAt(0))];

/** LEB128 of a number that is not negative. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a number that is not negative: its last byte keeps bit 6 clear. */
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}
