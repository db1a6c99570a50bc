import { Chance, Zipf } from './chance.ts';
import { type Trace, TraceBuilder, type TraceFile, type TraceOptions } from './trace.ts';

/** Compilers that run beside each other. */
const JOBS = 4;
const UNITS_PER_FOLDER = 25;
const KIB = 1024;

interface Unit {
  readonly source: TraceFile;
  readonly headers: readonly TraceFile[];
  readonly object: TraceFile;
}

/**
 * Builds of a C project: each compiler reads parts of its own program, a source, the headers that it includes (a few of
 * the system's and of the project that nearly all include, some of its folder, always in the same order) and writes an
 * object; a link reads all objects and writes a program. After a full build, sources or a header change, and what
 * depends on them is built again; now and then all is.
 */
export function compileTrace({ seed, blockBytes, accesses }: TraceOptions): Trace {
  const chance = new Chance(seed);
  const builder = new TraceBuilder(blockBytes);
  // A full build reads about 40 blocks a unit, and a trace has about as many units in its builds as four full ones.
  const unitCount = Math.max(UNITS_PER_FOLDER, Math.ceil(accesses / 160));
  const compiler = builder.file(24 * 1024 * KIB);
  const units = unitsOf(unitCount, builder, chance);
  const program = builder.file(unitCount * 30 * KIB);
  build(units, { builder, chance, compiler, program });
  while (builder.accesses < accesses) {
    const kind = chance.next();
    const changed = pickChanged(units, kind, chance);
    for (const unit of changed) builder.whole(unit.source);
    builder.wait(20_000);
    build(changed, { builder, chance, compiler, program, all: units });
    builder.wait(60_000);
  }
  return builder.build('compile');
}

function pickChanged(units: readonly Unit[], kind: number, chance: Chance): readonly Unit[] {
  if (kind < 0.15) return units;
  const folder = chance.below(Math.ceil(units.length / UNITS_PER_FOLDER)) * UNITS_PER_FOLDER;
  if (kind < 0.5) return units.slice(folder, folder + UNITS_PER_FOLDER);
  if (kind < 0.65) {
    const header = units[chance.below(units.length)]!.headers.at(-3);
    return units.filter(({ headers }) => header !== undefined && headers.includes(header));
  }
  return Array.from({ length: 1 + chance.below(4) }, () => units[chance.below(units.length)]!);
}

function unitsOf(count: number, builder: TraceBuilder, chance: Chance): Unit[] {
  const headerBytes = () => chance.lognormal(6 * KIB, 2.5);
  const shared = builder.files(Math.ceil(count / 4) + 60, headerBytes);
  const popularity = new Zipf(shared.length, 0.9, chance);
  const units: Unit[] = [];
  while (units.length < count) {
    const own = builder.files(10, headerBytes);
    for (let at = 0; at < UNITS_PER_FOLDER && units.length < count; at += 1) {
      const ranks = new Set(Array.from({ length: 30 }, () => popularity.next()));
      const headers = [...ranks].sort((one, other) => one - other).map((rank) => shared[rank]!);
      units.push({
        source: builder.file(chance.lognormal(12 * KIB, 2.5)),
        headers: [...headers, ...own.filter(() => chance.next() < 0.4)],
        object: builder.file(chance.lognormal(40 * KIB, 2.5)),
      });
    }
  }
  return units;
}

interface Build {
  readonly builder: TraceBuilder;
  readonly chance: Chance;
  readonly compiler: TraceFile;
  readonly program: TraceFile;
  readonly all?: readonly Unit[];
}

function build(units: readonly Unit[], { builder, chance, compiler, program, all = units }: Build): void {
  const running: number[][] = [];
  const waiting = [...units];
  while (waiting.length > 0 || running.length > 0) {
    while (running.length < JOBS && waiting.length > 0) running.push(blocksOf(waiting.shift()!, compiler));
    const job = chance.below(running.length);
    for (const key of running[job]!.splice(0, 1 + chance.below(4))) builder.block(key);
    if (running[job]!.length === 0) running.splice(job, 1);
    builder.wait(1 + chance.below(4));
  }
  for (const { object } of all) builder.whole(object);
  builder.whole(program);
}

/** What one compiler touches, in order. */
function blocksOf(unit: Unit, compiler: TraceFile): number[] {
  const all = ({ firstBlock, blockCount }: TraceFile) =>
    Array.from({ length: blockCount }, (_, at) => firstBlock + at);
  const own = all(compiler).filter((_, at) => at % 24 === 0);
  return [...own, ...all(unit.source), ...unit.headers.flatMap(all), ...all(unit.object)];
}
