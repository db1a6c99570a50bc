// CHURN=200000 changes more (5,000 without); SEED=n repeats a run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Watcher } from '../../src/watch/watcher.ts';
import type { OpenFolderHints } from '../../src/world/folder_hints.ts';
import { openNodeFolderHints } from '../../src/world/node/inotify.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { churn } from './churn.ts';
import { listingOf, type Told, ToldTree } from './told_tree.ts';

const COUNT = Number(process.env['CHURN'] ?? 5_000);
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const CHURN = fileURLToPath(new URL('./churn.ts', import.meta.url));
const world = createNodeWorld();

/** A watched folder, and what was told of it. */
class Watched implements AsyncDisposable {
  readonly base = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-watch-'));
  readonly folder = path.join(this.base, 'folder');
  readonly told: Told[] = [];
  readonly model: ToldTree;
  failure: unknown = null;
  #wake: () => void = () => undefined;
  readonly #over = new AbortController();
  readonly #run: Promise<void>;

  constructor(fill: (folder: string) => void, openHints: OpenFolderHints, hintsMax: number) {
    fs.mkdirSync(this.folder);
    fill(this.folder);
    this.model = new ToldTree(listingOf(this.folder));
    const watcher = new Watcher({
      clock: world.clock,
      openHints,
      openRoot: () => world.disk.openRoot(this.folder),
      tell: (told) => {
        this.told.push(told);
        try {
          this.model.apply(told);
        } catch (failure) {
          this.failure ??= failure;
        }
        this.#wake();
      },
      hintsMax,
    });
    this.#run = watcher.run(this.#over.signal).catch((failure) => {
      this.failure ??= failure;
    });
  }

  static async start(
    fill: (folder: string) => void = () => undefined,
    openHints: OpenFolderHints = openNodeFolderHints,
    hintsMax = 65_536,
  ): Promise<Watched> {
    const watched = new Watched(fill, openHints, hintsMax);
    await watched.until(() => watched.told.length > 0);
    return watched;
  }

  async until(done: () => boolean): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!done()) {
      if (this.failure !== null) throw this.failure;
      assert.ok(Date.now() < deadline, `not told in time: ${JSON.stringify(this.told.slice(-20))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 20);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** What was told of names, without their types. */
  get lines(): string[] {
    return this.told
      .filter(({ path: at }) => at !== undefined)
      .map(({ kind, path: at, from }) => `${kind} ${from === undefined ? '' : `${from} > `}${at}`);
  }

  /** The lines that `act` leads to; the next look, which finds a mark, comes after them. */
  async linesOf(act: () => void, last: string): Promise<string[]> {
    const before = this.lines.length;
    act();
    await this.until(() => this.lines.includes(last, before));
    const mark = path.join(this.folder, 'mark');
    fs.mkdirSync(mark);
    await this.until(() => this.lines.includes('create mark', before));
    fs.rmdirSync(mark);
    await this.until(() => this.lines.includes('delete mark', before));
    return this.lines.slice(before).filter((line) => !line.endsWith(' mark'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#run;
    fs.rmSync(this.base, { recursive: true, force: true });
  }
}

async function churnApart(folder: string, seed: number): Promise<void> {
  const child = spawn(process.execPath, [CHURN, folder, String(COUNT), String(seed)], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0);
}

describe(`the watch of a folder (SEED=${SEED})`, () => {
  it(`tells ${COUNT} changes by another program so that they lead to the same names`, async () => {
    await using watched = await Watched.start((folder) => churn(folder, 300, SEED));
    await churnApart(watched.folder, SEED + 1);
    await watched.until(() => watched.model.equals(listingOf(watched.folder)));
    assert.ok(watched.told.length > 50);
  });

  it('tells of an overflow, and what differs', async () => {
    await using watched = await Watched.start((folder) => churn(folder, 300, SEED), openNodeFolderHints, 40);
    await churnApart(watched.folder, SEED + 2);
    await watched.until(() => watched.model.equals(listingOf(watched.folder)));
    assert.ok(watched.told.some(({ kind }) => kind === 'overflow'));
  });

  it('tells the kind of each change, renames as such', async () => {
    await using watched = await Watched.start((folder) => {
      fs.mkdirSync(path.join(folder, 'sub'));
      for (const name of ['a', 'b', 'log', 'sub/c']) fs.writeFileSync(path.join(folder, name), name);
    });
    const at = (name: string) => path.join(watched.folder, name);
    const steps: readonly (readonly [() => void, readonly string[]])[] = [
      [() => fs.writeFileSync(at('new'), 'x'), ['create new']],
      [() => fs.appendFileSync(at('a'), 'x'), ['modify a']],
      [() => fs.chmodSync(at('a'), 0o600), ['attributes a']],
      [() => fs.utimesSync(at('a'), 1, 1), ['attributes a']],
      [() => fs.renameSync(at('a'), at('sub/a')), ['rename a > sub/a']],
      [() => fs.renameSync(at('sub'), at('elsewhere')), ['rename sub > elsewhere']],
      [() => fs.appendFileSync(at('elsewhere/c'), 'x'), ['modify elsewhere/c']],
      [() => fs.linkSync(at('b'), at('elsewhere/b')), ['create elsewhere/b']],
      [() => fs.rmSync(at('elsewhere'), { recursive: true }), ['delete elsewhere']],
      [
        // as an editor saves, and as a log is rotated
        () => {
          fs.writeFileSync(at('new.tmp'), 'y');
          fs.renameSync(at('log'), at('log.1'));
          fs.renameSync(at('new.tmp'), at('log'));
        },
        ['rename log > log.1', 'create log'],
      ],
      [
        () => {
          fs.mkdirSync(path.join(watched.base, 'full/in'), { recursive: true });
          fs.writeFileSync(path.join(watched.base, 'full/in/f'), 'x');
          fs.renameSync(path.join(watched.base, 'full'), at('full'));
        },
        ['create full', 'create full/in', 'create full/in/f'],
      ],
      [() => fs.unlinkSync(at('new')), ['delete new']],
    ];
    for (const [act, expected] of steps) {
      const lines = await watched.linesOf(act, expected.at(-1) ?? '');
      assert.deepEqual(lines.toSorted(), expected.toSorted());
    }
  });

  it('finds what differs by itself where the kernel gives no hints', async () => {
    let now = 0;
    const waits: (() => void)[] = [];
    const clock = {
      wallMs: () => world.clock.wallMs(),
      monotonicMs: () => now,
      sleep: () => new Promise<void>((resolve) => waits.push(resolve)),
    };
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-watch-'));
    const told: Told[] = [];
    const over = new AbortController();
    const openRoot = () => world.disk.openRoot(folder);
    const watcher = new Watcher({ clock, openHints: () => null, openRoot, tell: (one) => told.push(one) });
    void watcher.run(over.signal);
    const soon = async (done: () => boolean) => {
      const deadline = Date.now() + 20_000;
      while (!done()) {
        assert.ok(Date.now() < deadline, JSON.stringify(told));
        now += 10_000;
        waits.splice(0).forEach((wake) => {
          wake();
        });
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await soon(() => told.length === 1);
    assert.deepEqual((told[0] as { state?: string }).state, 'rescanned');
    fs.writeFileSync(path.join(folder, 'f'), 'x');
    await soon(() => told.some(({ kind, path: at }) => kind === 'create' && at === 'f'));
    fs.renameSync(folder, `${folder}-away`);
    await soon(() => told.at(-1)?.kind === 'state');
    assert.ok(!told.some(({ kind }) => kind === 'delete'));
    fs.renameSync(`${folder}-away`, folder);
    fs.renameSync(path.join(folder, 'f'), path.join(folder, 'g'));
    await soon(() => told.some(({ kind, path: at }) => kind === 'rename' && at === 'g'));
    over.abort();
    waits.splice(0).forEach((wake) => {
      wake();
    });
    fs.rmSync(folder, { recursive: true });
  });
});
