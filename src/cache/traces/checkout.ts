import { Chance, Zipf } from './chance.ts';
import { type Trace, TraceBuilder, type TraceFile, type TraceOptions } from './trace.ts';

const KIB = 1024;
const BRANCHES = 5;

interface Version {
  readonly file: TraceFile;
  /** Of each version: the block of the pack's index that names its object, then the object, and what it is a delta of. */
  readonly objects: readonly (readonly number[])[];
}

/**
 * A work tree in which somebody goes to and fro between branches. Each checkout reads the index, finds the objects of
 * files that differ (a block of the pack's own index for each, the object and what it is a delta of in the pack) and
 * writes the files, then the index. In between parts of the tree are read, folder by folder, as searches and editors do;
 * some folders more than others, and files that just came most of all.
 */
export function checkoutTrace({ seed, blockBytes, accesses }: TraceOptions): Trace {
  const chance = new Chance(seed);
  const builder = new TraceBuilder(blockBytes);
  const fileCount = Math.max(200, Math.ceil(accesses / 20));
  const index = builder.file(fileCount * 90);
  const packIndex = builder.file(fileCount * 12 * 32);
  const pack = builder.file(fileCount * 40 * KIB);
  const versions = versionsOf(fileCount, { pack, packIndex, builder, chance });
  const folders = foldersOf(versions, chance);
  const popularity = new Zipf(folders.length, 1, chance);
  const differs = differences(versions.length, chance);
  let branch = 0;
  for (const { file } of versions) builder.whole(file);
  while (builder.accesses < accesses) {
    const next = (branch + 1 + chance.below(BRANCHES - 1)) % BRANCHES;
    const changed = versions.filter((_, at) => differs[branch]![at] !== differs[next]![at]);
    builder.whole(index);
    for (const [at, version] of versions.entries()) {
      const wanted = differs[next]![at]!;
      if (wanted === differs[branch]![at]) continue;
      for (const block of version.objects[wanted]!) builder.block(block);
      builder.whole(version.file);
      builder.wait(0.3);
    }
    builder.whole(index);
    branch = next;
    builder.wait(30_000);
    for (const version of changed) if (chance.next() < 0.5) builder.whole(version.file);
    for (let read = 0; read < 12; read += 1) {
      for (const { file } of folders[popularity.next()]!) builder.whole(file);
      builder.wait(3_000);
    }
  }
  return builder.build('git checkout');
}

interface Repository {
  readonly pack: TraceFile;
  readonly packIndex: TraceFile;
  readonly builder: TraceBuilder;
  readonly chance: Chance;
}

function versionsOf(count: number, { pack, packIndex, builder, chance }: Repository): Version[] {
  return Array.from({ length: count }, (_, at) => {
    const near = Math.floor((at / count) * pack.blockCount);
    const objects = Array.from({ length: BRANCHES }, () => {
      const named = packIndex.firstBlock + chance.below(packIndex.blockCount);
      const chain = Array.from({ length: 1 + chance.below(3) }, () => {
        const away = chance.next() < 0.7 ? chance.below(4) : chance.below(pack.blockCount);
        return pack.firstBlock + ((near + away) % pack.blockCount);
      });
      return [named, ...chain];
    });
    return { file: builder.file(chance.lognormal(8 * KIB, 3)), objects };
  });
}

function foldersOf(versions: readonly Version[], chance: Chance): Version[][] {
  const folders: Version[][] = [];
  for (let at = 0; at < versions.length; ) {
    const size = 4 + chance.below(30);
    folders.push(versions.slice(at, at + size));
    at += size;
  }
  return chance.shuffle(folders);
}

/** Which version of each file a branch has: about one in twelve files is another one than in the first branch. */
function differences(count: number, chance: Chance): Uint8Array[] {
  return Array.from({ length: BRANCHES }, (_, branch) =>
    Uint8Array.from({ length: count }, () => (chance.next() < 0.08 ? branch : 0)),
  );
}
