/** A tier as planning sees it. Tiers are in order, the fastest first. */
export interface TierLevel {
  /** What it may hold now: its size, or less where its disk has less room. */
  readonly limitBytes: number;
  readonly usedBytes: number;
  /** It can be read and written. */
  readonly isUsable: boolean;
  /** How hot the coolest blocks in it are, about, in uses. */
  readonly coolest: number;
}

/** A block that may have to leave a tier. */
export interface TierResident {
  readonly heat: number;
  readonly sizeBytes: number;
}

/** Part of a tier that is filled by what comes; the rest is for blocks that change places. */
const FILLED_SHARE = 15 / 16;
/** A block that was used once only takes no other one's place. */
const HEAT_MIN = 2;
/** How much hotter than the coolest block of a tier one must be to take its place, so that none goes to and fro. */
const HOTTER_TIMES = 1.5;
const HOTTER_BY = 1;

/** Up to where a tier is filled. */
export function filledBytes({ limitBytes }: Pick<TierLevel, 'limitBytes'>): number {
  return Math.floor(limitBytes * FILLED_SHARE);
}

/** The slowest tier that can be used, and whose disk has room for anything; -1 where there is none. */
function slowestFor(levels: readonly TierLevel[], sizeBytes: number): number {
  return levels.findLastIndex(({ isUsable, limitBytes }) => isUsable && limitBytes >= sizeBytes);
}

function hasRoom(level: TierLevel, sizeBytes: number): boolean {
  return level.isUsable && level.usedBytes + sizeBytes <= filledBytes(level);
}

/** Its heat earns it a place that others have; they leave a little later. */
function beats(level: TierLevel, { heat, sizeBytes }: TierResident): boolean {
  const needed = Math.max(HEAT_MIN, level.coolest * HOTTER_TIMES + HOTTER_BY);
  return level.isUsable && heat >= needed && level.usedBytes + sizeBytes <= level.limitBytes;
}

/**
 * Where a block goes that is in no tier: to the fastest one that has room, or holds cooler blocks. Where none has, to the
 * slowest one that can be used, which lets others leave. Null where none can be used.
 */
export function placeFor(levels: readonly TierLevel[], block: TierResident): number | null {
  const at = levels.findIndex((level) => hasRoom(level, block.sizeBytes) || beats(level, block));
  if (at >= 0) return at;
  const last = slowestFor(levels, block.sizeBytes);
  return last < 0 ? null : last;
}

/** To which faster tier a block goes that was just read from tier `from`; null where it stays. */
export function promotionOf(levels: readonly TierLevel[], from: number, block: TierResident): number | null {
  if (block.heat < HEAT_MIN) return null;
  const at = levels
    .slice(0, from)
    .findIndex((level) => hasRoom(level, block.sizeBytes) || beats(level, block));
  return at < 0 ? null : at;
}

/**
 * Which blocks of a sample of tier `from` leave it for which slower one: the coolest first, until it is filled to its
 * mark only. None where no slower tier can take them: then they stay, and the store makes room by itself.
 */
export function demotionsOf<T extends TierResident>(
  levels: readonly TierLevel[],
  from: number,
  sample: readonly T[],
): { readonly block: T; readonly to: number }[] {
  const level = levels[from];
  if (level?.isUsable !== true) return [];
  const last = slowestFor(levels, sample[0]?.sizeBytes ?? 0); // it lets others leave where it is full
  let aboveBytes = level.usedBytes - filledBytes(level);
  const used = levels.map(({ usedBytes }) => usedBytes);
  const moves: { readonly block: T; readonly to: number }[] = [];
  for (const block of sample.toSorted((one, other) => one.heat - other.heat)) {
    if (aboveBytes <= 0) break;
    const to = levels.findIndex(
      ({ isUsable, limitBytes }, at) =>
        at > from &&
        isUsable &&
        (used[at] as number) + block.sizeBytes <= (at === last ? Number.POSITIVE_INFINITY : limitBytes),
    );
    if (to < 0) break;
    used[to] = (used[to] as number) + block.sizeBytes;
    aboveBytes -= block.sizeBytes;
    moves.push({ block, to });
  }
  return moves;
}
