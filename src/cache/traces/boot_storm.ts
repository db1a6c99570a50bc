import { Chance } from './chance.ts';
import { type Trace, TraceBuilder, type TraceFile, type TraceOptions } from './trace.ts';

const GUESTS = 16;
const DAY_MS = 86_400_000;
/** Parts of what a boot reads that are not the same each time: other services, another order of start. */
const SKIPPED_SHARE = 0.04;

/** One read of a boot: where in the image, how long, and how long after the one before it. */
interface Range {
  readonly firstBlock: number;
  readonly blockCount: number;
  readonly waitMs: number;
}

interface Step {
  readonly atMs: number;
  readonly guest: number;
  readonly block: number;
}

/**
 * Sixteen guests of one image start each morning within two minutes: each reads the same ranges of the image in about
 * the same order (parts are left out, neighbours change places), at its own pace, and blocks of its own disk beside
 * them; then people log in, and programs are started. Between two mornings other parts of the image are read.
 */
export function bootStormTrace({ seed, blockBytes, accesses }: TraceOptions): Trace {
  const chance = new Chance(seed);
  const builder = new TraceBuilder(blockBytes);
  const mornings = 4;
  const blocksPerBoot = Math.max(50, Math.ceil(accesses / (mornings * (GUESTS * 1.1 + 4))));
  const image = builder.file(blocksPerBoot * 8 * blockBytes);
  const disks = builder.files(GUESTS, () => blocksPerBoot * 2 * blockBytes);
  const boot = rangesOf(image, blocksPerBoot, chance);
  for (let morning = 0; morning < mornings; morning += 1) {
    const steps = disks.flatMap((disk, guest) =>
      stepsOf({ boot, disk, guest, startMs: morning * DAY_MS + chance.next() * 120_000, chance }),
    );
    steps.sort((one, other) => one.atMs - other.atMs);
    for (const step of steps) {
      builder.at(step.atMs);
      builder.block(step.block, step.guest);
    }
    dayOf({ builder, image, disks, accesses: blocksPerBoot * 4, chance });
  }
  return builder.build('VM boot storm');
}

function rangesOf(image: TraceFile, blockCount: number, chance: Chance): Range[] {
  const ranges: Range[] = [];
  const taken = new Set<number>();
  while (taken.size < blockCount) {
    const first = chance.below(image.blockCount);
    const length = 1 + Math.floor(chance.lognormal(2, 2.5));
    let count = 0;
    while (count < length && first + count < image.blockCount && !taken.has(first + count)) {
      taken.add(first + count);
      count += 1;
    }
    if (count > 0)
      ranges.push({
        firstBlock: image.firstBlock + first,
        blockCount: count,
        waitMs: chance.lognormal(20, 3),
      });
  }
  return ranges;
}

interface Boot {
  readonly boot: readonly Range[];
  readonly disk: TraceFile;
  readonly guest: number;
  readonly startMs: number;
  readonly chance: Chance;
}

function stepsOf({ boot, disk, guest, startMs, chance }: Boot): Step[] {
  const pace = 0.8 + chance.next() * 0.5;
  const order = boot.filter(() => chance.next() >= SKIPPED_SHARE);
  for (let at = 0; at + 1 < order.length; at += 1)
    if (chance.next() < 0.1) [order[at], order[at + 1]] = [order[at + 1]!, order[at]!];
  const steps: Step[] = [];
  let atMs = startMs;
  for (const range of order) {
    atMs += range.waitMs * pace * (0.7 + chance.next() * 0.6);
    for (let at = 0; at < range.blockCount; at += 1)
      steps.push({ atMs, guest, block: range.firstBlock + at });
    if (chance.next() < 0.2)
      steps.push({ atMs, guest, block: disk.firstBlock + chance.below(disk.blockCount) });
  }
  return steps;
}

interface Day {
  readonly builder: TraceBuilder;
  readonly image: TraceFile;
  readonly disks: readonly TraceFile[];
  readonly accesses: number;
  readonly chance: Chance;
}

/** What guests read in the course of a day: places of their own disks, and of the image, at random. */
function dayOf({ builder, image, disks, accesses, chance }: Day): void {
  for (let read = 0; read < accesses; read += 1) {
    const guest = chance.below(disks.length);
    const file = chance.next() < 0.7 ? disks[guest]! : image;
    const place = Math.floor(chance.next() ** 3 * file.blockCount);
    builder.block(file.firstBlock + place, guest);
    builder.wait(chance.next() * 2_000);
  }
}
