import { LIMITS } from '../../base/limits.ts';
import type { CopyOptions } from '../../wire/copy_types.ts';
import type { World } from '../../world/world.ts';
import type { SideReading } from '../copy_progress.ts';
import type { StageMeter } from '../stage_meter.ts';
import { AutoLevel } from './auto_level.ts';
import { CopyCompressor } from './copy_compressor.ts';
import { fixedLevel } from './level_choice.ts';
import { CODINGS } from './message_expander.ts';

export interface SourceCompressionParts {
  readonly world: World;
  readonly meter: StageMeter;
  readonly options: CopyOptions;
  /** What the sink reads. */
  readonly codings: readonly string[] | undefined;
  readonly local: () => SideReading;
  readonly remote: () => SideReading | null;
}

/** What compresses the messages of a copy; null where nobody asked for it or the sink cannot read it. */
export function sourceCompression(parts: SourceCompressionParts): CopyCompressor | null {
  const { world, meter, options, codings = [] } = parts;
  const { compress } = options;
  if (compress === undefined || !CODINGS.some((coding) => codings.includes(coding))) return null;
  const { clock, offload } = world;
  // one processor is left to the link
  const lanes = Math.max(1, Math.min(options.lanes, world.process.info.cpuCount - 1));
  const level = compress.level > 0 ? fixedLevel(compress.level) : new AutoLevel({ ...parts, clock, lanes });
  return new CopyCompressor({ clock, meter, offload, level, dataMaxBytes: dataMaxBytes(options) });
}

/** Longest bytes of files in one message. */
export function dataMaxBytes(options: CopyOptions): number {
  return Math.max(options.chunkBytes, packMaxBytes(options));
}

/** What small files that travel together may have. */
export function packMaxBytes({ chunkBytes, compress }: CopyOptions): number {
  const { packMaxBytes: usual, packHeadMaxBytes: head } = LIMITS;
  return compress?.largePacks ? Math.max(usual.value, chunkBytes - head.value) : usual.value;
}
