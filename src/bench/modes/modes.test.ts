import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createNodeWorld } from '../../world/node/world.ts';
import { hitRateOf, type ModeReport, targetsOf } from './mode_figures.ts';
import { modeLoad } from './mode_load.ts';
import { timesOf } from './mode_run.ts';
import { Relay } from './relay.ts';

const MIB = 1024 ** 2;
const options = { loadBytes: 64 * MIB, cacheBytes: 16 * MIB, seed: 5 };
const sumOf = (files: readonly { readonly sizeBytes: number }[]) =>
  files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

describe('the load by which modes of the cache are compared', () => {
  it('is the same for the same seed, and another one for another', () => {
    assert.deepEqual(modeLoad(options), modeLoad(options));
    assert.notDeepEqual(modeLoad({ ...options, seed: 6 }), modeLoad(options));
  });

  it('has the size that was asked for, reads what is there, and what is read over and over fits into the cache', () => {
    for (const loadBytes of [16 * MIB, 64 * MIB, 2_048 * MIB]) {
      const { files, steps } = modeLoad({ ...options, loadBytes });
      const ratio = sumOf(steps) / loadBytes;
      assert.ok(ratio > 0.9 && ratio < 1.2, `${loadBytes}: ${ratio}`);
      const there = new Map(files.map(({ name, sizeBytes }) => [name, sizeBytes]));
      for (const { kind, name, sizeBytes } of steps)
        if (kind === 'read') assert.equal(there.get(name), sizeBytes);
      const hot = sumOf(files.filter(({ name }) => name.startsWith('hot')));
      assert.ok(hot < 0.65 * options.cacheBytes, `${hot}`);
    }
  });

  it('makes each file once, and changes only those that were made long before', () => {
    const { steps } = modeLoad({ ...options, loadBytes: 256 * MIB });
    const made = new Map<string, number>();
    let changes = 0;
    let writes = 0;
    for (const { kind, name } of steps) {
      if (kind === 'read') continue;
      writes += 1;
      if (kind === 'write') {
        assert.ok(!made.has(name), name);
        made.set(name, writes);
        continue;
      }
      changes += 1;
      assert.ok(writes - (made.get(name) ?? writes) >= 32, `${name} is young`);
    }
    assert.ok(changes > made.size / 8, `${changes} changes of ${made.size}`);
  });
});

const reportOf = (name: string, elapsedMs: number, writeUs: number, receivedBytes: number): ModeReport => ({
  name,
  what: '',
  reason: null,
  figures: {
    elapsedMs,
    reads: { count: 1, bytes: 1_000, meanUs: 1, p99Us: 1 },
    writes: { count: 1, bytes: 10, meanUs: writeUs, p99Us: writeUs },
    receivedBytes,
    hitRate: hitRateOf({ reads: { bytes: 1_000 }, receivedBytes }),
    drainMs: 0,
    crash: { acknowledged: 1, atOnce: 1, lost: 0 },
  },
});

describe('what the modes of the cache come to', () => {
  it('is held against what is wanted of them', () => {
    const modes = [
      reportOf('none', 120, 90, 1_100),
      reportOf('through', 100, 90, 50),
      reportOf('back', 100, 30, 1_100),
    ];
    assert.deepEqual(
      targetsOf(modes).map(({ is, isMet }) => [is?.toFixed(2), isMet]),
      [
        ['1.20', true],
        ['0.95', true],
        ['3.00', true],
      ],
    );
    const failed: ModeReport = { name: 'through', what: '', reason: 'it ended', figures: null };
    const [none, , back] = modes as [ModeReport, ModeReport, ModeReport];
    for (const { is, isMet } of targetsOf([none, failed, back])) assert.deepEqual([is, isMet], [null, null]);
  });

  it('has no hit rate below nothing, and times of no step', () => {
    assert.equal(reportOf('none', 1, 1, 5_000).figures?.hitRate, 0);
    assert.deepEqual(timesOf([], 0), { count: 0, bytes: 0, meanUs: 0, p99Us: 0 });
    assert.deepEqual(timesOf([3, 1, 2], 9), { count: 3, bytes: 9, meanUs: 2_000, p99Us: 3_000 });
  });
});

it('a relay passes all bytes on, counts what comes back, and ends with both sides', async () => {
  const world = createNodeWorld();
  const far = await world.net.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  const { port } = far.endpoint as { readonly port: number };
  await using relay = await Relay.start(world, { host: '127.0.0.1', port }, 1);
  try {
    const accepted = far.accept();
    const end = { kind: 'tcp', host: '127.0.0.1', port: relay.port } as const;
    const near = await world.net.dial(end, { timeoutMs: 10_000 });
    const other = await accepted;
    const sent = new Uint8Array(300_000).map((_, at) => at % 251);
    await near.write([sent]);
    const got = new Uint8Array(sent.byteLength);
    assert.equal(await other.read(got, got.byteLength), sent.byteLength);
    assert.deepEqual(got, sent);
    await other.write([sent.subarray(0, 1_000)]);
    assert.equal(await near.read(got, 1_000), 1_000);
    assert.equal(relay.receivedBytes, 1_000);
    await other.close();
    assert.equal(await near.read(got, 1).catch(() => 0), 0);
    await near.close();
  } finally {
    await far.close();
  }
});
