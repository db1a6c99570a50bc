import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { forEachAtOnce } from '../../base/parallel.ts';
import type { CopyOptions, RootInfo, SinkMessage } from '../../wire/copy_types.ts';
import type { DirectFigures, DirectMethod, DirectProof } from '../../wire/direct_fields.ts';
import type { World } from '../../world/world.ts';
import { BufferPool } from '../buffer_pool.ts';
import type { SinkFile } from '../sink_files.ts';
import { MARK, type SinkPlan } from '../sink_plan.ts';
import type { SinkEvent, SinkState, WrittenFile } from '../sink_state.ts';
import type { SinkWriter } from '../sink_writer.ts';
import { bitsMessages } from '../skip_bits.ts';
import { SourceReader } from '../source_reader.ts';
import type { StageMeter } from '../stage_meter.ts';
import { isWholeDisk } from '../whole_disk.ts';
import { copyFileDirectly, FlushFailed } from './direct_file.ts';
import { DirectTally } from './direct_tally.ts';
import { MethodChoice } from './method_choice.ts';
import { mayBeDirect, notDirect, whyHeldToLink } from './offer.ts';
import { ReachedSource } from './reached_source.ts';

export interface DirectParts {
  readonly world: World;
  readonly options: CopyOptions;
  readonly meter: StageMeter;
  readonly plan: SinkPlan;
  readonly state: SinkState;
  readonly run: DirectRun;
}

/** What the direct path asks of the run that it is a part of. */
export interface DirectRun {
  writer(): SinkWriter;
  emit(event: SinkEvent): void;
  send(message: SinkMessage): Promise<void>;
  /** A file could not be written at all. Throws what ends the whole copy. */
  failed(file: SinkFile, failure: unknown): void;
  /** Waits while too many complete files wait for their finish. */
  room(): Promise<void>;
  isOver(): boolean;
}

type Work =
  | { readonly kind: 'file'; readonly file: SinkFile }
  | { readonly kind: 'pack'; readonly files: readonly SinkFile[] };

/**
 * The sink's own copying, where it reaches the files of the source: the plan and words travel over the link, the bytes do
 * not. What it cannot copy it gives back to the source, which sends it.
 */
export class DirectCopy {
  readonly #parts: DirectParts;
  readonly #source: ReachedSource | null;
  readonly #reader: SourceReader | null;
  readonly #choice = new MethodChoice();
  readonly #tally: DirectTally;
  readonly #packs = new BufferPool(LIMITS.packMaxBytes.value, LIMITS.directWorksAtOnceMax.value);

  private constructor(parts: DirectParts, source: ReachedSource | null, why: string | null) {
    const { meter, options, world } = parts;
    this.#parts = parts;
    this.#source = source;
    this.#tally = new DirectTally(why);
    this.#reader =
      source &&
      new SourceReader(
        source.roots,
        (file) => source.rootOf(file.entry.path),
        meter,
        options.chunkBytes,
        world.offload,
      );
  }

  /**
   * Looks whether the source's folders are within reach. Null where nobody asked for that. CW_COPY_NOT_DIRECT where they must be
   * and are not.
   */
  static async begin(
    parts: DirectParts,
    roots: readonly RootInfo[],
    proof: DirectProof | undefined,
  ): Promise<DirectCopy | null> {
    const { options, world } = parts;
    if (!mayBeDirect(options)) return null;
    const held = whyHeldToLink(options);
    const reached =
      held === null
        ? await ReachedSource.open(world, roots, proof, options)
        : ({ kind: 'not', why: held } as const);
    if (reached.kind === 'reached') return new DirectCopy(parts, reached.source, null);
    if (options.direct === 'always') throw notDirect(reached.why);
    return new DirectCopy(parts, null, reached.why);
  }

  get figures(): DirectFigures {
    return this.#tally.figures();
  }

  /** Tells the source which files it need not send: all of which nothing is here. */
  async take(): Promise<void> {
    const { plan, run } = this.#parts;
    if (this.#source === null) return;
    for (const message of bitsMessages('take', plan.numbers(MARK.file))) await run.send(message);
  }

  /** Copies all that was taken. Throws what ends the whole copy. */
  async run(): Promise<void> {
    if (this.#source === null) return;
    await forEachAtOnce(this.#works(), LIMITS.directWorksAtOnceMax.value, async (work) => {
      if (this.#parts.run.isOver()) return;
      if (work.kind === 'pack') await this.#copyPack(work.files);
      else await this.#copyFile(work.file);
      await this.#parts.run.room();
    });
  }

  async close(): Promise<void> {
    await this.#reader?.close();
    await this.#source?.close();
  }

  /** Small files together, large ones alone, in the order of the plan. */
  *#works(): Generator<Work> {
    const { plan, state, run } = this.#parts;
    let pack: SinkFile[] = [];
    let packBytes = 0;
    for (const page of plan.pages(MARK.file)) {
      for (const { index } of page) {
        if (run.isOver()) return;
        const file = state.files.want(index);
        if (file === undefined) continue;
        if (!isSmall(file)) {
          yield { kind: 'file', file };
          continue;
        }
        const { sizeBytes } = file.entry;
        const isFull =
          pack.length >= LIMITS.packFilesMax.value || packBytes + sizeBytes > LIMITS.packMaxBytes.value;
        if (isFull) {
          yield { kind: 'pack', files: pack };
          pack = [];
          packBytes = 0;
        }
        pack.push(file);
        packBytes += sizeBytes;
      }
    }
    if (pack.length > 0) yield { kind: 'pack', files: pack };
  }

  async #copyPack(files: readonly SinkFile[]): Promise<void> {
    const { run } = this.#parts;
    const buffer = this.#packs.take();
    try {
      const outcomes = await this.#reader!.readPack(files, buffer);
      const arrived: { target: SinkFile; data: Uint8Array; hash: Uint8Array }[] = [];
      let offset = 0;
      for (const [at, target] of files.entries()) {
        const data = buffer.subarray(offset, offset + target.entry.sizeBytes);
        offset += data.byteLength;
        const outcome = outcomes[at]!;
        if (outcome.kind === 'ok') arrived.push({ target, data, hash: outcome.hash });
        else if (outcome.kind === 'changed') await this.#giveBack(target, changedText(target));
        else await this.#giveBack(target, outcome.error.message);
      }
      if (arrived.length === 0) return;
      const failures = await run.writer().writePack(arrived);
      const written: WrittenFile[] = [];
      for (const [at, { target, data, hash }] of arrived.entries()) {
        const failure = failures.get(at);
        if (failure === undefined) written.push({ file: target.index, bytes: data.byteLength, hash });
        else run.failed(target, failure);
      }
      for (const { bytes } of written) this.#tally.copied(new Map([['direct', bytes]]));
      run.emit({ kind: 'packWritten', files: written, direct: true });
    } finally {
      this.#packs.give(buffer);
    }
  }

  async #copyFile(file: SinkFile): Promise<void> {
    const { run } = this.#parts;
    try {
      const bytesBy = await this.#copyBytes(file);
      if ((await this.#reader!.lastLook(file)) !== null) return await this.#giveBack(file, changedText(file));
      this.#tally.copied(bytesBy);
      run.emit({ kind: 'copied', file: file.index });
    } catch (failure) {
      await this.#reader!.forget(file);
      if (run.isOver()) return;
      if (failure instanceof FlushFailed) return run.failed(file, failure.error);
      const error = asCausewayError(failure);
      if (isWholeDisk(error)) throw error;
      await this.#giveBack(file, `${file.entry.path}: ${error.message}`);
    }
  }

  #copyBytes(file: SinkFile): Promise<ReadonlyMap<DirectMethod, number>> {
    const { meter, world, run } = this.#parts;
    const { sizeBytes } = file.entry;
    return this.#reader!.withFile(file, async (from, { holes, forget }) => {
      const to = await run.writer().openEmpty(file);
      try {
        return await copyFileDirectly(
          { from, to, sizeBytes, holes, forget },
          {
            meter,
            offload: world.offload,
            choice: this.#choice,
            memoryBytes: world.process.info.memoryBytes,
            proven: (bytes) => run.emit({ kind: 'directPart', file: file.index, bytes }),
            isOver: () => run.isOver(),
          },
        );
      } finally {
        await to.close();
      }
    });
  }

  /** The source sends it, or says what is wrong with it. Where it must be direct, the copy does without it. */
  async #giveBack(file: SinkFile, why: string): Promise<void> {
    const { run, options } = this.#parts;
    if (run.isOver()) return;
    this.#tally.gaveBack(why);
    if (options.direct === 'always') return run.failed(file, notDirect(why));
    await run.writer().drop(file);
    await run.send({ t: 'giveBack', file: file.index });
  }
}

function changedText({ entry }: SinkFile): string {
  return `${entry.path} changed while it was copied`;
}

/** As the source sorts them: whole small files go together. */
function isSmall({ entry, chunks }: SinkFile): boolean {
  return (
    entry.sizeBytes <= LIMITS.smallFileMaxBytes.value && entry.dataBytes === undefined && chunks.count === 1
  );
}
