import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ShareEventView } from '../../src/contract/share_event_schemas.ts';
import { churn } from './churn.ts';
import { PLAIN, Rig, send } from './shares_rig.ts';
import { listingOf, ToldTree } from './told_tree.ts';

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const failsWith = (code: string) => (failure: unknown) => (failure as { code?: string }).code === code;

/** One who reads the changes of the share `docs`. */
class Reader {
  readonly events: ShareEventView[] = [];
  readonly over = new AbortController();
  readonly done: Promise<void>;
  #wake: () => void = () => undefined;

  constructor(rig: Rig, since: number | null = null) {
    const read = async () => {
      for await (const event of rig.client.shareEvents('docs', since, this.over.signal)) {
        this.events.push(event);
        this.#wake();
      }
    };
    this.done = read();
    this.done.catch(() => this.#wake()); // told to who waits for the end
  }

  async until(done: () => boolean): Promise<void> {
    const late = AbortSignal.timeout(20_000);
    while (!done()) {
      assert.ok(!late.aborted, JSON.stringify(this.events.slice(-9)));
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        late.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  has(kind: string, at: string | null = null): boolean {
    return this.events.some((event) => event.kind === kind && event.path === at);
  }
}

describe(`the changes of a share (SEED=${SEED})`, () => {
  it('are told with an index, by whomever they are made, and go on after one', async () => {
    await using rig = await Rig.start();
    const { share, password } = await rig.create();
    const reader = new Reader(rig);
    await reader.until(() => reader.events.length > 0);
    assert.equal(reader.events[0]?.state, 'watched');
    await send(`${share.url}dav.txt`, 'PUT', 'docs', password ?? '', 'x');
    await reader.until(() => reader.has('create', 'dav.txt'));
    fs.writeFileSync(path.join(rig.source, 'host.txt'), 'x');
    await reader.until(() => reader.has('create', 'host.txt'));
    assert.ok(
      !reader.events.some(({ path: at }) => at?.includes('.causeway')),
      'nothing of an upload but its end',
    );
    const indexes = reader.events.map(({ index }) => index);
    assert.ok(indexes.every((index, i) => i === 0 || index === (indexes[i - 1] ?? 0) + 1));
    reader.over.abort();
    await reader.done;
    fs.writeFileSync(path.join(rig.source, 'between.txt'), 'x');
    const again = new Reader(rig, indexes[1]);
    await again.until(() => again.has('create', 'between.txt'));
    assert.deepEqual(again.events.slice(0, indexes.length - 2), reader.events.slice(2));
    await assert.rejects(new Reader(rig, (indexes[0] ?? 0) - 9).done, failsWith('CW_SHARE_EVENTS_GONE'));
    await rig.client.call('removeShare', { name: 'docs' });
    await again.done;
    assert.deepEqual(
      [again.events.at(-1)?.kind, again.events.at(-1)?.error?.code],
      ['end', 'CW_SHARE_UNKNOWN'],
    );
    await assert.rejects(new Reader(rig).done, failsWith('CW_SHARE_UNKNOWN'));
  });

  it('lead to the same names after an overflow, which is told', async () => {
    await using rig = await Rig.start(PLAIN, 20);
    await rig.create();
    const model = new ToldTree(listingOf(rig.source));
    const reader = new Reader(rig);
    await reader.until(() => reader.events.length > 0);
    churn(rig.source, 500, SEED); // in this very thread: no hint is taken meanwhile
    let at = 0;
    await reader.until(() => {
      for (; at < reader.events.length; at++) model.apply(reader.events[at] as ShareEventView);
      return model.equals(listingOf(rig.source));
    });
    assert.ok(reader.has('overflow'));
    reader.over.abort();
  });

  it('stop while the folder is gone, which deletes nothing, and go on with what differs', async () => {
    await using rig = await Rig.start();
    fs.writeFileSync(path.join(rig.source, 'f'), 'x');
    await rig.create();
    const reader = new Reader(rig);
    await reader.until(() => reader.events.length > 0);
    const aside = path.join(rig.base, 'aside');
    fs.renameSync(rig.source, aside);
    fs.mkdirSync(rig.source); // an empty mount point
    await reader.until(() => reader.events.some(({ state }) => state === 'gone'));
    assert.equal(reader.events.at(-1)?.error?.code, 'CW_SHARE_SOURCE');
    fs.renameSync(path.join(aside, 'f'), path.join(aside, 'g'));
    fs.rmdirSync(rig.source);
    fs.renameSync(aside, rig.source);
    await reader.until(() => reader.events.at(-1)?.state === 'watched');
    const kinds = reader.events.map(({ kind, from, path: to }) => `${kind} ${from ?? ''} ${to ?? ''}`.trim());
    assert.deepEqual(kinds, ['state', 'state', 'rename f g', 'state']);
    reader.over.abort();
  });

  it('are printed by a command, as JSON too', async () => {
    await using rig = await Rig.start();
    await rig.create();
    const args = [CLI, '--data', path.join(rig.base, 'data'), 'share', 'events', 'docs', '--json'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await lines.next()).value as string) as ShareEventView;
    assert.equal((await next()).state, 'watched');
    fs.mkdirSync(path.join(rig.source, 'sub'));
    const { index, ...made } = await next();
    assert.deepEqual(made, {
      kind: 'create',
      path: 'sub',
      from: null,
      type: 'directory',
      state: null,
      error: null,
    });
    assert.ok(index > 0);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    assert.equal(await ended, 130);
  });
});
