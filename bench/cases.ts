/** What is copied, and the seeded sources of it. */
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ByteSource, NoiseSource, planTree, TextSource } from './generate.ts';
import type { LinkShape } from './network.ts';
import type { CaseKind } from './peer.ts';
import { changedBytes, type Prior } from './prior.ts';

const MIB = 1 << 20;
const GIB = 1 << 30;
const WRITE_BYTES = MIB;
const TREE = { folders: 200, meanBytes: 8 << 10, maxBytes: MIB };
const QUICK_DIVISOR = 8;

export interface Case {
  readonly name: string;
  readonly what: string;
  readonly kind: CaseKind;
  readonly content: 'random' | 'text' | 'mixed';
  /** Bytes of a file; expected bytes of a tree. */
  readonly sizeBytes: number;
  /** Files of a tree; 1 otherwise. */
  readonly files: number;
  /** Runs when nothing is named. */
  readonly byDefault: boolean;
  /** Of a file; absent: data.bin. */
  readonly fileName?: string;
  /** What stands at the destination before; absent: nothing. */
  readonly prior?: Prior;
  /** What is between the two sides; absent: loopback. */
  readonly link?: LinkShape;
}

function file(name: string, content: 'random' | 'text', sizeBytes: number, byDefault: boolean): Case {
  const what = `one file of ${sizeBytes / GIB} GiB, ${content === 'random' ? 'random bytes' : 'text (zstd -3: 0.39 of it)'}`;
  return { name, what, kind: 'file', content, sizeBytes, files: 1, byDefault };
}

function tree(name: string, files: number, byDefault: boolean): Case {
  const what = `${files.toLocaleString('en')} files in ${TREE.folders} folders, log-normal sizes of mean 8 KiB, half text, half random`;
  return { name, what, kind: 'tree', content: 'mixed', sizeBytes: files * TREE.meanBytes, files, byDefault };
}

const EDITS: Readonly<Record<Prior, string>> = {
  same: 'the destination has all of it already',
  insert: 'a byte inserted at its start since the last copy',
  append: '1 % appended since the last copy',
  blocks: '1 % of its 64 KiB blocks written anew since the last copy, scattered',
  rename: 'renamed since the last copy',
  touch: 'only its modification time changed since the last copy',
};

/** The case with an earlier state of its source at the destination. */
function after(prior: Prior, which: Case, name: string): Case {
  return { ...which, name, what: `${which.what}; ${EDITS[prior]}`, prior, byDefault: false };
}

function over(link: LinkShape, which: Case, name: string): Case {
  const what = `${which.what}; over a link of ${link.rateMbitPerSecond} Mbit/s${link.loss > 0 ? ` that drops ${link.loss * 100} % of the packets each way` : ''}`;
  return { ...which, name, what, link, byDefault: false };
}

/** Blocks change in place in disk images, and tools may know one by its name. */
const IMAGE_NAME = 'disk.img';
const FILE_1G = file('file-1g-random', 'random', GIB, true);
const FILE_4G = file('file-4g-random', 'random', 4 * GIB, false);
const TREE_50K = tree('tree-50k', 50_000, false);
const FILE_64M: Case = {
  ...file('file-64m', 'random', 64 * MIB, false),
  what: 'one file of 64 MiB, random bytes',
};
const FILE_1K: Case = { ...file('file-1k', 'random', 1024, true), what: 'one file of 1 KiB' };
const HELP: Case = {
  name: 'help',
  what: 'the program tells its usage',
  kind: 'usage',
  content: 'mixed',
  sizeBytes: 0,
  files: 0,
  byDefault: true,
};
const MILLION: Case = {
  ...tree('tree-1m', 1_000_000, false),
  what: '1,000,000 files in 2,000 folders, every other one empty, the others of 1 KiB',
};

export const CASES: readonly Case[] = [
  FILE_1G,
  file('file-1g-text', 'text', GIB, true),
  tree('tree-20k', 20_000, true),
  FILE_4G,
  TREE_50K,
  after('same', TREE_50K, 'tree-50k-repeat'),
  after('insert', FILE_1G, 'delta-1g-insert'),
  after('append', FILE_1G, 'delta-1g-append'),
  { ...after('blocks', FILE_1G, 'delta-1g-blocks'), fileName: IMAGE_NAME },
  after('rename', FILE_1G, 'delta-1g-rename'),
  after('touch', FILE_1G, 'delta-1g-touch'),
  { ...after('blocks', FILE_4G, 'delta-4g-blocks'), fileName: IMAGE_NAME },
  over({ rateMbitPerSecond: 100, loss: 0 }, FILE_64M, 'slow-64m'),
  over({ rateMbitPerSecond: 100, loss: 0.01 }, FILE_64M, 'lossy-64m'),
  MILLION,
  FILE_1K,
  HELP,
];

/** The same case at an eighth of its size, named so that it is not mistaken for it. */
export function quickened(whole: Case): Case {
  const files = Math.max(1, Math.floor(whole.files / QUICK_DIVISOR));
  const what = `${whole.what}; QUICK: 1/${QUICK_DIVISOR} of it`;
  return { ...whole, what, files, sizeBytes: Math.floor(whole.sizeBytes / QUICK_DIVISOR) };
}

export interface PreparedSource {
  /** The file or folder that is copied. */
  readonly path: string;
  readonly files: number;
  readonly sizeBytes: number;
  /** Bytes that the destination cannot have yet: all of them where nothing stands there. */
  readonly changedBytes: number;
}

function writeBigFile(path: string, source: ByteSource, sizeBytes: number): void {
  const buffer = Buffer.alloc(WRITE_BYTES);
  const descriptor = openSync(path, 'w');
  try {
    for (let written = 0; written < sizeBytes; ) {
      const part = buffer.subarray(0, Math.min(WRITE_BYTES, sizeBytes - written));
      source.fill(part);
      written += writeSync(descriptor, part);
    }
  } finally {
    closeSync(descriptor);
  }
}

function writeTree(root: string, which: Case): PreparedSource {
  const plan = planTree({ ...TREE, files: which.files }, which.name);
  const sources: ByteSource[] = [new TextSource(which.name), new NoiseSource(which.name)];
  for (const folder of new Set(plan.map((entry) => dirname(entry.path)))) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  const buffer = Buffer.alloc(TREE.maxBytes);
  let sizeBytes = 0;
  plan.forEach((entry, i) => {
    const part = buffer.subarray(0, entry.sizeBytes);
    sources[i % 2]?.fill(part);
    writeFileSync(join(root, entry.path), part);
    sizeBytes += entry.sizeBytes;
  });
  return prepared(root, plan.length, sizeBytes, which);
}

function prepared(path: string, files: number, sizeBytes: number, { prior }: Case): PreparedSource {
  return { path, files, sizeBytes, changedBytes: prior ? changedBytes(prior, sizeBytes) : sizeBytes };
}

/** Half of them empty: what a copy costs for each file without its bytes. */
function writeTinyFiles(root: string, which: Case): PreparedSource {
  const folders = Math.max(1, Math.floor(which.files / 500));
  const content = Buffer.alloc(1024);
  new NoiseSource(which.name).fill(content);
  for (let i = 0; i < folders; i++) mkdirSync(join(root, `d${i % 20}`, `s${i}`), { recursive: true });
  for (let i = 0; i < which.files; i++) {
    const folder = i % folders;
    const path = join(root, `d${folder % 20}`, `s${folder}`, `f${i}`);
    writeFileSync(path, i % 2 === 0 ? '' : content);
  }
  return prepared(root, which.files, Math.floor(which.files / 2) * content.byteLength, which);
}

export function fileNameOf({ fileName }: Case): string {
  return fileName ?? 'data.bin';
}

/** Writes the source of a case into an empty `folder`. */
export function prepareSource(which: Case, folder: string): PreparedSource {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  if (which.kind === 'usage') return prepared(folder, 0, 0, which);
  if (which.name === MILLION.name) return writeTinyFiles(join(folder, 'tree'), which);
  if (which.kind === 'tree') return writeTree(join(folder, 'tree'), which);
  const path = join(folder, fileNameOf(which));
  const seed = which.name;
  writeBigFile(
    path,
    which.content === 'text' ? new TextSource(seed) : new NoiseSource(seed),
    which.sizeBytes,
  );
  return prepared(path, 1, which.sizeBytes, which);
}
