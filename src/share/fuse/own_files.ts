import type { FileVersion } from '../../cache/store/store_types.ts';
import type { Clock } from '../../world/clock.ts';
import { lookOf, statxFrame } from './cache_frames.ts';
import { CachedFile } from './cached_file.ts';
import type { BlockReader } from './far_blocks.ts';
import { IN_HEADER_BYTES, OP, OUT_HEADER_BYTES } from './protocol.ts';

const [OPEN_IN_BYTES, READ_IN_BYTES, RELEASE_IN_BYTES] = [8, 40, 24] as const;
/** In the head of a request: the process that asks. */
const PROCESS_AT = 32;

export interface OwnFilesPorts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly ask: (frameOf: (unique: bigint) => Uint8Array, opcode: number) => Promise<Uint8Array>;
  /** What the clock of the other machine shows now; null where that is not known. */
  readonly farMs: () => number | null;
}

/**
 * Files of the other machine that a cache opens by itself, to fetch them before a program does. It does so with the rights of the
 * user whose reading made it look for them, and for no process: number 0.
 */
export class OwnFiles {
  readonly #ports: OwnFilesPorts;
  #open = 0;

  constructor(ports: OwnFilesPorts) {
    this.#ports = ports;
  }

  /** Files that are open now. */
  get open(): number {
    return this.#open;
  }

  /**
   * Calls `use` with a file that is known to be unchanged, and closes it: what `use` asks for before it returns is still
   * answered. Nothing happens where the file cannot be read, or was changed just now. `as` is a request of its user.
   */
  async with(
    as: Uint8Array,
    node: bigint,
    use: (reader: BlockReader, of: FileVersion) => void,
  ): Promise<void> {
    const { clock, ask, farMs } = this.#ports;
    this.#open += 1;
    const head = as.slice(0, IN_HEADER_BYTES);
    new DataView(head.buffer).setUint32(PROCESS_AT, 0, true);
    const askedMs = clock.monotonicMs();
    const farAskedMs = farMs();
    const opening = ask((unique) => frameOf(head, { opcode: OP.open, unique, node }, OPEN_IN_BYTES), OP.open);
    const looking = ask((unique) => statxFrame(head, node, unique), OP.statx);
    const [opened, looked] = await Promise.all([opening, looking]);
    this.#open -= 1;
    const view = new DataView(opened.buffer, opened.byteOffset, opened.byteLength);
    if (opened.byteLength < OUT_HEADER_BYTES + 8 || view.getInt32(4, true) !== 0) return;
    const handle = view.getBigUint64(OUT_HEADER_BYTES, true);
    const file = new CachedFile(node);
    file.seen(lookOf(looked), askedMs, farAskedMs);
    const of = file.settled;
    const bytes = frameOf(head, { opcode: OP.read, unique: 0n, node }, READ_IN_BYTES, handle);
    if (of !== null) use({ file, bytes }, of);
    await ask(
      (unique) => frameOf(head, { opcode: OP.release, unique, node }, RELEASE_IN_BYTES, handle),
      OP.release,
    );
  }
}

/** A request whose body begins with a handle, and is zero otherwise. */
function frameOf(
  head: Uint8Array,
  { opcode, unique, node }: { readonly opcode: number; readonly unique: bigint; readonly node: bigint },
  bodyBytes: number,
  handle = 0n,
): Uint8Array {
  const frame = new Uint8Array(IN_HEADER_BYTES + bodyBytes);
  frame.set(head);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.byteLength, true);
  view.setUint32(4, opcode, true);
  view.setBigUint64(8, unique, true);
  view.setBigUint64(16, node, true);
  view.setBigUint64(IN_HEADER_BYTES, handle, true);
  return frame;
}
