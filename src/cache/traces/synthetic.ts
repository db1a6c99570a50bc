import { Chance, Zipf } from './chance.ts';
import { type Trace, TraceBuilder, type TraceFile, type TraceOptions } from './trace.ts';

const ACCESS_MS = 0.5;

/** Blocks in no order that a file system would know. */
function scattered(builder: TraceBuilder, count: number, blockBytes: number, chance: Chance): number[] {
  const file = builder.file(count * blockBytes);
  return chance.shuffle(Array.from({ length: count }, (_, at) => file.firstBlock + at));
}

/** Independent draws: a few blocks are wanted often, most of them rarely. */
export function zipfTrace(alpha: number, { seed, blockBytes, accesses }: TraceOptions): Trace {
  const chance = new Chance(seed);
  const builder = new TraceBuilder(blockBytes);
  const blocks = scattered(builder, Math.ceil(accesses / 5), blockBytes, chance);
  const ranks = new Zipf(blocks.length, alpha, chance);
  while (builder.accesses < accesses) {
    builder.block(blocks[ranks.next()]!);
    builder.wait(ACCESS_MS);
  }
  return builder.build(`zipf ${alpha}`);
}

/** People work on a set of blocks (Zipf 0.9), and from time to time something reads a large file once, as a backup does. */
export function scanTrace({ seed, blockBytes, accesses }: TraceOptions): Trace {
  const chance = new Chance(seed);
  const builder = new TraceBuilder(blockBytes);
  const blocks = scattered(builder, Math.ceil(accesses / 12), blockBytes, chance);
  const ranks = new Zipf(blocks.length, 0.9, chance);
  const work = () => {
    builder.block(blocks[ranks.next()]!);
    builder.wait(ACCESS_MS);
  };
  const roundLength = Math.ceil(accesses / 6);
  for (let round = 0; round < 6; round += 1) {
    for (let at = 0; at < roundLength * 0.6; at += 1) work();
    const scanned = builder.file(Math.ceil(roundLength * 0.3) * blockBytes);
    for (let at = 0; at < scanned.blockCount; at += 1) {
      builder.block(scanned.firstBlock + at, 1);
      if (at % 3 === 0) work();
      builder.wait(ACCESS_MS / 4);
    }
  }
  return builder.build('scan');
}

/** Files that are read from the beginning to the end, again and again: each for some rounds, then the next. */
export function loopTrace({ seed, blockBytes, accesses }: TraceOptions): Trace {
  const chance = new Chance(seed);
  const builder = new TraceBuilder(blockBytes);
  const sizes = [0.5, 1, 0.25, 0.75];
  const files = sizes.map((part) => builder.file(Math.ceil((accesses / 24) * part) * blockBytes));
  while (builder.accesses < accesses) {
    for (const file of files) {
      const rounds = 6 + chance.below(4);
      for (let round = 0; round < rounds; round += 1) pass(builder, file);
    }
  }
  return builder.build('loop');
}

function pass(builder: TraceBuilder, file: TraceFile): void {
  for (let at = 0; at < file.blockCount; at += 1) {
    builder.block(file.firstBlock + at);
    builder.wait(ACCESS_MS / 4);
  }
}

/** All at once: work on a set (Zipf 0.8) that moves on slowly, a loop, files that are read once, and ones just written. */
export function mixedTrace({ seed, blockBytes, accesses }: TraceOptions): Trace {
  const chance = new Chance(seed);
  const builder = new TraceBuilder(blockBytes);
  const blocks = scattered(builder, Math.ceil(accesses / 8), blockBytes, chance);
  const ranks = new Zipf(blocks.length, 0.8, chance);
  const looped = builder.file(Math.ceil(accesses / 40) * blockBytes);
  let [loopAt, movedBy] = [0, 0];
  const work = (count: number) => {
    for (let at = 0; at < count; at += 1) {
      builder.block(blocks[(ranks.next() + movedBy) % blocks.length]!);
      builder.wait(ACCESS_MS);
    }
  };
  while (builder.accesses < accesses) {
    work(40 + chance.below(80));
    const kind = chance.next();
    if (kind < 0.4) {
      for (let at = 0; at < 40; at += 1)
        builder.block(looped.firstBlock + ((loopAt + at) % looped.blockCount), 1);
      loopAt += 40;
    } else if (kind < 0.7) builder.whole(builder.file((10 + chance.below(60)) * blockBytes), 2);
    else {
      const written = builder.file((5 + chance.below(20)) * blockBytes);
      builder.whole(written, 3);
      work(20);
      builder.whole(written, 3);
    }
    movedBy += chance.below(3);
  }
  return builder.build('mixed');
}
