/*
 * Pieces of WebAssembly's binary format (https://webassembly.github.io/spec/core/binary/), enough to write small modules
 * by hand where a loop in machine code pays: one memory, functions of 32-bit numbers, everything exported.
 */

const I32 = 0x7f;

/** Instructions, each as the bytes that stand in the code of a function. */
export const wasm = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  if: [0x04, 0x40],
  end: [0x0b],
  branch: (depth: number) => [0x0c, ...unsigned(depth)],
  branchIf: (depth: number) => [0x0d, ...unsigned(depth)],
  return: [0x0f],
  get: (local: number) => [0x20, ...unsigned(local)],
  set: (local: number) => [0x21, ...unsigned(local)],
  tee: (local: number) => [0x22, ...unsigned(local)],
  /** A 32-bit word at the address on the stack plus `offset`; the address is a multiple of 4. */
  load32: (offset: number) => [0x28, 2, ...unsigned(offset)],
  load8: (offset: number) => [0x2d, 0, ...unsigned(offset)],
  store32: (offset: number) => [0x36, 2, ...unsigned(offset)],
  constant: (value: number) => [0x41, ...signed(value)],
  isZero: [0x45],
  isBelow: [0x49],
  add: [0x6a],
  and: [0x71],
  shiftLeft: [0x74],
} as const;

/** A function of `parameters` numbers that gives one number; `locals` more follow the parameters. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: number;
  readonly locals: number;
  readonly code: readonly number[];
}

/** The bytes of a module that exports `function` and a memory of that many 64 KiB pages as `memory`. */
export function wasmModule(module: { function: WasmFunction; memoryPages: number }): Uint8Array {
  const { name, parameters, locals, code } = module.function;
  const signature = [0x60, ...unsigned(parameters), ...new Array<number>(parameters).fill(I32), 1, I32];
  const localGroups = locals === 0 ? [0] : [1, ...unsigned(locals), I32];
  const body = [...localGroups, ...code, ...wasm.end];
  const exported = [2, ...nameOf('memory'), 2, 0, ...nameOf(name), 0, 0];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, ...signature]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, ...unsigned(module.memoryPages)]),
    ...section(7, exported),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function nameOf(text: string): number[] {
  return [text.length, ...Array.from(text, (letter) => letter.charCodeAt(0))];
}

/** LEB128 of a number that is not negative. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a number that is not negative: its last byte keeps bit 6 clear. */
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}
