import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { DISK_THREAD } from '../../src/guest/disk_thread_module.ts';
import { Daemon } from '../../src/host/daemon.ts';
import type { Mux } from '../../src/link/mux/mux.ts';
import { decodeCbor, encodeCbor } from '../../src/wire/cbor.ts';
import { openNodeDatabase } from '../../src/world/node/database.ts';
import { createNodeLocalTime } from '../../src/world/node/local_time.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { SharedLine } from '../fixtures/shared_line.ts';
import { webOptions } from '../fixtures/web_options.ts';
import { ROOT, Served, until } from './rig.ts';
import { randomFile } from './trees.ts';

const MIB = 1024 * 1024;
const LINE_BYTES_PER_SECOND = 16 * MIB;
const FAST_BYTES_PER_SECOND = 400 * MIB;
const READS = 150;
const PAGE_BYTES = 64 * 1024;

/** Reads 64 KiB over the link, as an interactive program does; how long it took, in ms. */
async function read(mux: Mux): Promise<number> {
  const sinceMs = performance.now();
  const opening = encodeCbor({ method: 'read', params: {} });
  const stream = await mux.open('rpc', { streamClass: 'interactive', opening });
  const message = await stream.receive();
  assert.ok(message);
  const answer = decodeCbor(message.bytes) as unknown as { result: { page: Uint8Array } };
  assert.equal(answer.result.page.byteLength, PAGE_BYTES);
  message.release();
  await stream.end();
  return performance.now() - sinceMs;
}

async function reads(mux: Mux): Promise<{ readonly medianMs: number; readonly p99Ms: number }> {
  const times: number[] = [];
  for (let at = 0; at < READS; at += 1) times.push(await read(mux));
  times.sort((a, b) => a - b);
  return { medianMs: times[Math.ceil(READS / 2)]!, p99Ms: times[Math.ceil(READS * 0.99) - 1]! };
}

/** A daemon and an agent that answers reads, on a line between them. */
class Reading implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'causeway-interactive-'));
  readonly line = new SharedLine(FAST_BYTES_PER_SECOND);
  readonly #closing = new AsyncDisposableStack();
  daemon!: Daemon;
  mux!: Mux;

  static async start(): Promise<Reading> {
    const it = new Reading();
    it.#closing.defer(() => rmSync(it.folder, { recursive: true, force: true }));
    it.#closing.use(it.line);
    const [near, far, files] = ['near', 'far', 'files'].map((name) => join(it.folder, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [files, join(it.folder, 'host')]) mkdirSync(path);
    it.daemon = it.#closing.use(
      await Daemon.start({
        world: createNodeWorld({ threads: DISK_THREAD }),
        dataDirectory: join(it.folder, 'host'),
        buildId: 'test',
        listen: null,
        limitBytesPerSecond: null,
        openDatabase: openNodeDatabase,
        localTime: createNodeLocalTime(),
        web: webOptions(),
      }),
    );
    const agent = new Served(join(ROOT, 'test/fixtures/reading_agent.ts'), [far, files]);
    it.#closing.defer(() => agent.kill());
    await agent.ready;
    await it.line.between('vm', near, far);
    const endpoint = { kind: 'unix', path: near } as const;
    await it.daemon.machines.add({ name: 'vm', endpoint, trustCarrier: true });
    it.mux = await it.daemon.machines.link('vm').ready(AbortSignal.timeout(20_000));
    return it;
  }

  /** Copies a file of the machine to the host. */
  async copy(name: string, sizeBytes: number): Promise<string> {
    randomFile(join(this.folder, 'files', name), sizeBytes);
    const { id } = await this.daemon.jobs.start({
      direction: 'out',
      vm: 'vm',
      sources: [join(this.folder, 'files', name)],
      destination: join(this.folder, 'host', name),
      direct: 'never',
    });
    return id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync();
  }
}

describe('what is interactive beside a copy that fills the line', () => {
  test('64 KiB do not wait behind what the link may have on its way', { timeout: 120_000 }, async (t) => {
    await using it = await Reading.start();
    // a link that has carried much may have its most on the way: here for half a second
    const first = await it.copy('first', 300 * MIB);
    await until('the first copy is done', 60_000, async () =>
      (await it.daemon.jobs.show(first)).state === 'done' ? true : null,
    );
    it.line.rateBytesPerSecond = LINE_BYTES_PER_SECOND;
    const alone = await reads(it.mux);
    const passed = it.line.back.passedBytes.get('vm')!;
    const second = await it.copy('second', 600 * MIB);
    await until('the copy flows', 60_000, () =>
      it.line.back.passedBytes.get('vm')! > passed + 16 * MIB ? true : null,
    );
    const beside = await reads(it.mux);
    assert.equal((await it.daemon.jobs.show(second)).state, 'running');
    for (const [what, { medianMs, p99Ms }] of Object.entries({ alone, beside })) {
      t.diagnostic(`${what}: median ${medianMs.toFixed(1)} ms, 99 of 100 within ${p99Ms.toFixed(1)} ms`);
    }
    const behindWindowMs = (LIMITS.sessionWindowMaxBytes.value / LINE_BYTES_PER_SECOND) * 1000;
    assert.ok(
      beside.medianMs < behindWindowMs / 4,
      `${beside.medianMs} ms; a full window takes ${behindWindowMs}`,
    );
  });
});
