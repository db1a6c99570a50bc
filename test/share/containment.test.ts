import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { asCausewayError, CausewayError } from '../../src/base/errors.ts';
import { parseName, parseRelPath, type RelPath } from '../../src/base/path.ts';
import type { FileTree, TreeNode } from '../../src/tree/files/file_tree.ts';
import { followingLinks } from '../../src/tree/files/following_links.ts';
import { LocalTree } from '../../src/tree/files/local_tree.ts';
import { checkedNames } from '../../src/tree/files/names.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';

const NAME_OPERATIONS = Number(process.env['NAME_OPERATIONS'] ?? 1_000_000);
const RACE_OPERATIONS = Number(process.env['RACE_OPERATIONS'] ?? 3_000);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

function chance(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

/** What a hostile client or a hostile link puts together. */
const PIECES = [
  '..',
  '.',
  '',
  'a',
  'b',
  'l',
  '/',
  '\0',
  '.causeway',
  '.CAUSEWAY',
  '\u2025',
  '\ud800',
  '%2e%2e',
  '\\..\\',
  '...',
  'a'.repeat(256),
  '~',
  'etc',
  'passwd',
  '\u202e',
  '\uff0f',
  '.. ',
  ' ..',
  'proc',
  'self',
  'fd',
  '0',
];

function hostilePath(next: (below: number) => number): string {
  const parts = Array.from({ length: 1 + next(6) }, () => PIECES[next(PIECES.length)] as string);
  return (next(4) === 0 ? '/' : '') + parts.join(next(9) === 0 ? '' : '/');
}

const isPlain = (name: string) => !/[/\0]/.test(name) && name !== '' && name !== '.' && name !== '..';

/** A tree in which every second name is a link with a hostile target; it fails where a path reaches it that is none. */
class Tripwire {
  calls = 0;
  readonly #next: (below: number) => number;

  constructor(next: (below: number) => number) {
    this.#next = next;
  }

  async lookup(asked: RelPath): Promise<TreeNode> {
    this.calls += 1;
    for (const part of asked === '' ? [] : asked.split('/')) parseName(part); // throws what the test takes for an escape
    checkedNames(asked);
    const isLink = this.#next(2) === 0;
    const target = isLink ? hostilePath(this.#next) : null;
    return { kind: isLink ? 'symlink' : 'directory', target } as TreeNode;
  }
}

describe('containment', () => {
  it(`of ${NAME_OPERATIONS} hostile paths and links none reaches a tree as anything but plain names (SEED=${SEED})`, async () => {
    const next = chance(SEED);
    const wire = new Tripwire(next);
    const tree = followingLinks({
      caps: { values: null },
      lookup: (asked: RelPath) => wire.lookup(asked),
    } as unknown as FileTree);
    const codes = new Map<string, number>();
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0; // most of the time would go into the traces of a million refusals
    for (let i = 0; i < NAME_OPERATIONS; i += 1) {
      const text = hostilePath(next);
      let code = 'reached';
      try {
        const asked = parseRelPath(text);
        if (i % 5 === 0) await tree.lookup(asked);
        else for (const name of checkedNames(asked)) assert.ok(isPlain(name), name);
      } catch (failure) {
        if (!(failure instanceof CausewayError)) throw failure;
        code = failure.code;
      }
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    Error.stackTraceLimit = stackTraceLimit;
    assert.ok(wire.calls > NAME_OPERATIONS / 50, 'the tree was reached');
    assert.deepEqual(
      [...codes.keys()].filter(
        (code) => !['reached', 'CW_DISK_NAME', 'CW_DISK_SYMLINK', 'CW_DISK_NOT_FOUND'].includes(code),
      ),
      [],
    );
    for (const code of ['reached', 'CW_DISK_NAME', 'CW_DISK_SYMLINK'])
      assert.ok((codes.get(code) ?? 0) > 0, code);
  });

  it(`of ${RACE_OPERATIONS} operations against three processes that swap folders and links none leaves the root (SEED=${SEED})`, async () => {
    const base = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-contain-'));
    const root = path.join(base, 'root');
    const outside = path.join(base, 'outside');
    for (const folder of [root, outside, `${outside}/d`, `${outside}/.causeway`]) fs.mkdirSync(folder);
    for (const name of ['f', 'd/f', 'd/g']) fs.writeFileSync(path.join(outside, name), 'SECRET');
    const before = snapshot(outside);
    const swappers = [1, 2, 3].map((number) => swapper(base, SEED + number));
    try {
      await Promise.all(swappers.map(({ started }) => started));
      const seen = await attack(root, chance(SEED));
      assert.equal(seen.leaked, 0, 'a byte or a name from outside was seen');
      assert.ok(seen.done > RACE_OPERATIONS / 50, `operations succeeded: ${JSON.stringify(seen)}`);
      assert.ok(seen.refused > RACE_OPERATIONS / 50, `operations met links: ${JSON.stringify(seen)}`);
      assert.deepEqual(snapshot(outside), before);
    } finally {
      for (const { process: child, ended } of swappers) {
        child.kill('SIGKILL');
        await ended;
      }
      fs.rmSync(base, { recursive: true, force: true });
    }
  });
});

/** Everything below a folder, with content, mode and time. */
function snapshot(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const full = path.join(entry.parentPath, entry.name);
      const stat = fs.lstatSync(full, { bigint: true });
      const text = entry.isFile() ? fs.readFileSync(full, 'utf8') : '';
      return `${full} ${stat.ino} ${stat.mode} ${stat.mtimeNs} ${stat.nlink} ${text}`;
    })
    .sort();
}

/**
 * Runs in a process of its own: prepares folders, files and links to the outside, and swaps them by rename for what the
 * root has, so that it never goes through a link itself.
 */
const SWAPPER = `
const fs = require('node:fs');
const [root, outside, stage, seed] = process.argv.slice(1);
let state = Number(seed) || 1;
const next = (below) => { state ^= state << 13; state ^= state >>> 17; state ^= state << 5; state >>>= 0; return state % below; };
const names = ['a', 'b', 'd', 'f'];
const targets = [outside, outside + '/d', '..', '../outside', '../outside/d', '../../outside', 'a', '../b', '.', '/', '/etc'];
const build = (at, depth) => {
  const kind = next(5);
  if (kind === 0) fs.symlinkSync(targets[next(targets.length)], at);
  else if (kind === 1 || depth === 0) fs.writeFileSync(at, 'mine');
  else {
    fs.mkdirSync(at);
    for (const name of names) if (next(2) === 0) build(at + '/' + name, depth - 1);
  }
};
const attempt = (call) => { try { call(); } catch {} };
process.stdout.write('started');
for (let number = 0; ; number += 2) {
  const [fresh, old, name] = [stage + '/' + number, stage + '/' + (number + 1), root + '/' + names[next(4)]];
  build(fresh, 2);
  attempt(() => fs.renameSync(name, old));
  attempt(() => fs.renameSync(fresh, name));
  for (const left of [fresh, old]) attempt(() => fs.rmSync(left, { recursive: true, force: true }));
}
`;

function swapper(base: string, seed: number) {
  const stage = path.join(base, `stage ${seed}`);
  fs.mkdirSync(stage);
  const child: ChildProcess = spawn(
    process.execPath,
    ['-e', SWAPPER, path.join(base, 'root'), path.join(base, 'outside'), stage, String(seed)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const started = new Promise((resolve) => child.stdout?.once('data', resolve));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return { process: child, started, ended };
}

interface Seen {
  done: number;
  refused: number;
  leaked: number;
}

async function attack(root: string, next: (below: number) => number): Promise<Seen> {
  await using local = await LocalTree.open(createNodeWorld({ disk: { mode: 'blocking' } }), root);
  const tree = followingLinks(local);
  const seen: Seen = { done: 0, refused: 0, leaked: 0 };
  const names = ['a', 'b', 'd', 'f'];
  const somewhere = () =>
    parseRelPath(Array.from({ length: 1 + next(3) }, () => names[next(names.length)]).join('/'));
  for (let i = 0; i < RACE_OPERATIONS || seen.done < RACE_OPERATIONS / 20; i += 1) {
    assert.ok(i < RACE_OPERATIONS * 50, `too few operations came through: ${JSON.stringify(seen)}`);
    try {
      if (await oneOperation(tree, next(8), somewhere)) seen.leaked += 1;
      seen.done += 1;
    } catch (failure) {
      const { code } = asCausewayError(failure);
      assert.match(code, /^CW_(DISK_|UNSUPPORTED)/, String(failure));
      if (code === 'CW_DISK_SYMLINK') seen.refused += 1;
    }
    if (i % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return seen;
}

/** True where something of the outside was seen. */
async function oneOperation(tree: FileTree, kind: number, somewhere: () => RelPath): Promise<boolean> {
  switch (kind) {
    case 0: {
      await using file = await tree.open(somewhere(), 'read');
      const into = new Uint8Array(16);
      return Buffer.from(into.subarray(0, await file.read(into, 0))).includes('SECRET');
    }
    case 1: {
      await using file = await tree.open(somewhere(), 'replace');
      await file.write(Buffer.from('mine'), 0);
      await file.publish();
      return false;
    }
    case 2:
      for await (const page of tree.list(somewhere()))
        if (page.some(({ name }) => name === 'g' || name === 'passwd')) return true;
      return false;
    case 3:
      await tree.remove(somewhere());
      return false;
    case 4:
      await tree.rename(somewhere(), somewhere(), { replace: true });
      return false;
    case 5:
      await tree.create(somewhere(), { kind: 'directory' });
      return false;
    case 6:
      await tree.caps.values?.set(somewhere(), 'v', Uint8Array.of(1));
      return false;
    default:
      await tree.setAttrs(somewhere(), { mode: 0o700 });
      return false;
  }
}
