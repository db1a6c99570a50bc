/** What is copied, and the seeded sources of it. */
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ByteSource, NoiseSource, planTree, TextSource } from './generate.ts';
import type { CaseKind } from './peer.ts';

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
}

function file(name: string, content: 'random' | 'text', sizeBytes: number, byDefault: boolean): Case {
  const what = `one file of ${sizeBytes / GIB} GiB, ${content === 'random' ? 'random bytes' : 'text (zstd -3: 0.39 of it)'}`;
  return { name, what, kind: 'file', content, sizeBytes, files: 1, byDefault };
}

function tree(name: string, files: number, byDefault: boolean): Case {
  const what = `${files.toLocaleString('en')} files in ${TREE.folders} folders, log-normal sizes of mean 8 KiB, half text, half random`;
  return { name, what, kind: 'tree', content: 'mixed', sizeBytes: files * TREE.meanBytes, files, byDefault };
}

export const CASES: readonly Case[] = [
  file('file-1g-random', 'random', GIB, true),
  file('file-1g-text', 'text', GIB, true),
  tree('tree-20k', 20_000, true),
  file('file-4g-random', 'random', 4 * GIB, false),
  tree('tree-50k', 50_000, false),
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
  return { path: root, files: plan.length, sizeBytes };
}

/** Writes the source of a case into an empty `folder`. */
export function prepareSource(which: Case, folder: string): PreparedSource {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  if (which.kind === 'tree') return writeTree(join(folder, 'tree'), which);
  const path = join(folder, 'data.bin');
  const seed = which.name;
  writeBigFile(
    path,
    which.content === 'text' ? new TextSource(seed) : new NoiseSource(seed),
    which.sizeBytes,
  );
  return { path, files: 1, sizeBytes: which.sizeBytes };
}
