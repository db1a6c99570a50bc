import { asCausewayError } from '../../base/errors.ts';
import type { SourceMessage } from '../../wire/copy_types.ts';
import type { SourceFile } from '../source_machine.ts';
import type { SourceReader } from '../source_reader.ts';
import { contentSum, inPacks, isReadWhole, packMemory, sumOfOneChunk } from './content_sum.ts';

export interface SumsParts {
  readonly chunkBytes: number;
  readonly reader: Pick<SourceReader, 'readChunk' | 'readPack' | 'lastLook' | 'forget'>;
  send(message: Extract<SourceMessage, { t: 'sums' }>): Promise<void>;
  /** Asked between reads: the copy is over, nobody waits for the rest. */
  isOver(): boolean;
}

/**
 * Reads these files and tells the sums of their contents. A file that cannot be read, or is no longer the planned one, is
 * left out: it is copied, and what is wrong with it is told then.
 */
export async function tellSums(files: readonly SourceFile[], parts: SumsParts): Promise<void> {
  const { chunkBytes } = parts;
  const isSmall = ({ entry }: SourceFile) => isReadWhole(entry.sizeBytes, chunkBytes);
  const told = new Telling(parts);
  for (const pack of inPacks(files.filter(isSmall), ({ entry }) => entry.sizeBytes)) {
    if (parts.isOver()) return;
    await sumPack(pack, parts, told);
    await told.flush(false);
  }
  for (const file of files.filter((file) => !isSmall(file))) {
    if (parts.isOver()) return;
    const sum = await sumFile(file, parts);
    if (sum !== null) told.add(file.index, sum);
    await told.flush(false);
  }
  if (!parts.isOver()) await told.flush(true);
}

async function sumPack(pack: readonly SourceFile[], { reader }: SumsParts, told: Telling): Promise<void> {
  const outcomes = await reader.readPack(pack, packMemory());
  for (const [at, file] of pack.entries()) {
    const outcome = outcomes[at]!;
    if (outcome.kind === 'ok') told.add(file.index, sumOfOneChunk(outcome.hash));
  }
}

async function sumFile(
  file: SourceFile,
  { chunkBytes, reader, isOver }: SumsParts,
): Promise<Uint8Array | null> {
  try {
    const sum = await contentSum(file.entry.sizeBytes, chunkBytes, async (index, into) => {
      if (isOver()) return null;
      const read = await reader.readChunk(file, index, into);
      return read.kind === 'ok' ? read.hash : null;
    });
    return (await reader.lastLook(file)) === null ? sum : null;
  } catch (failure) {
    await reader.forget(file);
    if (!asCausewayError(failure).code.startsWith('CW_DISK_')) throw failure;
    return null;
  }
}

/** Sums that are not told yet. */
class Telling {
  readonly #parts: SumsParts;
  #files: number[] = [];
  #sums: Uint8Array[] = [];

  constructor(parts: SumsParts) {
    this.#parts = parts;
  }

  add(file: number, sum: Uint8Array): void {
    this.#files.push(file);
    this.#sums.push(sum);
  }

  /** Sends them, and that no more come where they are the `last`. */
  async flush(last: boolean): Promise<void> {
    if (this.#files.length === 0 && !last) return;
    const [files, hashes] = [this.#files, Buffer.concat(this.#sums)];
    this.#files = [];
    this.#sums = [];
    await this.#parts.send({ t: 'sums', files, hashes, last });
  }
}
