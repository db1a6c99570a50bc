import assert from 'node:assert/strict';
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { readJournal } from '../../src/wire/journal.ts';
import { BitFlipProxy } from '../fixtures/bit_flip_proxy.ts';
import { GatedRig } from '../fixtures/gated_rig.ts';
import { seededChance } from '../fixtures/seeded_chance.ts';
import { Rig, until } from './rig.ts';
import { randomFile, sha256, unfinishedIn } from './trees.ts';

const MIB = 1024 * 1024;
const SIZE = 64 * MIB;
const { seed, random } = seededChance();

for (const direction of ['in', 'out'] as const) {
  test(`a bit that flips on a carrier without TLS is found by its CRC32C, and the session goes on (copy ${direction})`, {
    timeout: 120_000,
  }, async (t) => {
    t.diagnostic(`SEED=${seed}`);
    await using rig = await Rig.start({ unix: true, trustCarrier: true });
    const path = join(rig.folder, 'flips.sock');
    await using proxy = await BitFlipProxy.start(path, join(rig.folder, 'agent.sock'));
    await rig.client.call(
      'addVm',
      {},
      { name: 'noisy', endpoint: { kind: 'unix', path }, trustCarrier: true },
    );
    await until('the noisy link is up', 20_000, async () =>
      (await noisy(rig)).state === 'up' ? true : null,
    );
    const [from, to] = direction === 'in' ? [rig.hostFiles, rig.guestFiles] : [rig.guestFiles, rig.hostFiles];
    const source = join(from, 'source');
    randomFile(source, SIZE);
    const target = join(to, 'target');
    // Somewhere in the middle of the bulk bytes: a header, a payload or a checksum, as it comes.
    proxy.flipAt(direction === 'in' ? 'sent' : 'answered', SIZE * (0.2 + 0.6 * random()), random());
    const { id } = await rig.client.call(
      'startJob',
      {},
      // a class that stays on the link, where others come before it
      { direction, vm: 'noisy', sources: [source], destination: target, trafficClass: 'background' },
    );
    const flip = await until('a bit has flipped', 60_000, () => proxy.flipped);
    if (direction === 'out') {
      const error = await until('the host names what it found', 10_000, async () => (await noisy(rig)).error);
      assert.equal(error.code, 'CW_WIRE_CRC', error.message);
    }
    const closedBy = await until('the damaged carrier is closed', 10_000, () => proxy.closedBy);
    proxy.release();
    const end = await rig.waitJob(id);
    const { reconnects } = await noisy(rig);
    t.diagnostic(
      `bit ${flip.bit} of byte ${flip.offset} flipped; closed by the ${closedBy}; ${reconnects} new carrier`,
    );
    assert.equal(closedBy, direction === 'in' ? 'agent' : 'host', 'the receiving side gives the carrier up');
    assert.equal(end.state, 'done', JSON.stringify(end.error));
    assert.equal(end.attempts, 1);
    assert.equal(reconnects, 1);
    assert.equal(sha256(target), sha256(source));
  });
}

test('a bit that flips on a connection of a lane without TLS is found, and what it was in is sent again', {
  timeout: 120_000,
}, async (t) => {
  t.diagnostic(`SEED=${seed}`);
  await using rig = await Rig.start({ unix: true, trustCarrier: true });
  const path = join(rig.folder, 'flips.sock');
  await using proxy = await BitFlipProxy.start(path, join(rig.folder, 'agent.sock'));
  await rig.client.call('addVm', {}, { name: 'noisy', endpoint: { kind: 'unix', path }, trustCarrier: true });
  await until('the noisy link is up', 20_000, async () => ((await noisy(rig)).state === 'up' ? true : null));
  const source = join(rig.hostFiles, 'source');
  randomFile(source, 4 * SIZE);
  const target = join(rig.guestFiles, 'target');
  proxy.flipAt('sent', SIZE * (2 + random()), random()); // by then the lanes have their connections
  const request = { direction: 'in' as const, vm: 'noisy', sources: [source], destination: target };
  const { id } = await rig.client.call('startJob', {}, request);
  const flip = await until('a bit has flipped', 60_000, () => proxy.flipped);
  proxy.release();
  const end = await rig.waitJob(id);
  t.diagnostic(
    `bit ${flip.bit} of byte ${flip.offset} flipped; ${(end.receivedBytes - 4 * SIZE) / MIB} MiB received twice`,
  );
  assert.equal(end.state, 'done', JSON.stringify(end.error));
  assert.equal(end.attempts, 1);
  assert.equal(sha256(target), sha256(source));
});

test('a bit that flips in the partial file while its agent is dead costs that chunk and nothing else', {
  timeout: 120_000,
}, async (t) => {
  t.diagnostic(`SEED=${seed}`);
  await using gated = await GatedRig.start();
  const { rig } = gated;
  const { source, target, job } = await halfwayCopy(gated);
  await rig.agent.kill();
  const noted = notedChunks(rig);
  const chunk = noted[Math.floor(random() * noted.length)]!;
  flipBit(partialOf(rig.guestFiles), chunk * MIB + Math.floor(random() * MIB), random());
  gated.order({});
  rig.startAgent();
  const end = await rig.waitJob(job.id);
  t.diagnostic(
    `${noted.length} chunks of 1 MiB were noted, ${end.recoveredBytes / MIB} were found good; chunk ${chunk} was damaged`,
  );
  assert.equal(end.state, 'done', JSON.stringify(end.error));
  assert.equal(end.attempts, 2);
  assert.equal(end.recoveredBytes, (noted.length - 1) * MIB, 'all but the damaged chunk are taken over');
  assert.equal(sha256(target), sha256(source));
  assertNothingLeft(rig);
});

test('a bit that flips in the partial file while the copy runs is found by reading back', {
  timeout: 120_000,
}, async (t) => {
  t.diagnostic(`SEED=${seed}`);
  await using gated = await GatedRig.start();
  const { rig } = gated;
  const { source, target, job } = await halfwayCopy(gated);
  const { durableBytes } = await rig.job(job.id);
  const chunk = Math.floor((random() * durableBytes) / MIB / 2);
  flipBit(partialOf(rig.guestFiles), chunk * MIB + Math.floor(random() * MIB), random());
  gated.order({});
  const end = await rig.waitJob(job.id);
  t.diagnostic(`chunk ${chunk} damaged; ${(end.receivedBytes - SIZE) / MIB} MiB received twice`);
  assert.equal(end.state, 'done', JSON.stringify(end.error));
  assert.equal(end.attempts, 1);
  assert.equal(end.receivedBytes, SIZE + MIB, 'exactly the damaged chunk is sent again');
  assert.equal(sha256(target), sha256(source));
  assertNothingLeft(rig);
});

test('a bit that flips in the journal is found, told in a note, and costs only what stood behind it', {
  timeout: 120_000,
}, async (t) => {
  t.diagnostic(`SEED=${seed}`);
  await using gated = await GatedRig.start();
  const { rig } = gated;
  const { source, target, job } = await halfwayCopy(gated);
  await rig.agent.kill();
  const noted = notedChunks(rig).length;
  const journal = journalOf(rig);
  const at = Math.floor(statSync(journal).size * (0.3 + 0.4 * random()));
  flipBit(journal, at, random());
  gated.order({});
  rig.startAgent();
  const { code, out } = await rig.cli('jobs', 'wait', job.id);
  const end = await rig.job(job.id);
  t.diagnostic(`bit flipped in byte ${at}; ${end.recoveredBytes / MIB} of ${noted} chunks taken over`);
  t.diagnostic(`note: ${end.note}`);
  assert.equal(end.state, 'done', JSON.stringify([end.problems, end.error]));
  assert.equal(code, 0, 'a repaired journal takes nothing from the result');
  assert.deepEqual(end.problems, []);
  assert.match(end.note ?? '', /at byte \d+.*CW_COPY_JOURNAL/);
  assert.match(out, /note: .*CW_COPY_JOURNAL/);
  assert.ok(end.recoveredBytes > 0, 'what stood before the damage is taken over');
  assert.ok(end.recoveredBytes < noted * MIB, 'what stood behind it is not');
  assert.equal(sha256(target), sha256(source));
  assertNothingLeft(rig);
});

async function noisy(rig: Rig) {
  return rig.client.call('showVm', { name: 'noisy' });
}

/** A copy of 64 MiB whose writes are held back once some of it is durable. */
async function halfwayCopy(gated: GatedRig): Promise<{ source: string; target: string; job: JobView }> {
  const { rig } = gated;
  const source = join(rig.hostFiles, 'source');
  const target = join(rig.guestFiles, 'target');
  randomFile(source, SIZE);
  gated.order({ write: 40 });
  const job = await rig.startJob('in', source, target);
  await until('some of it is durable', 60_000, async () =>
    (await rig.job(job.id)).durableBytes >= 8 * MIB ? true : null,
  );
  return { source, target, job };
}

function partialFolder(guestFiles: string): string {
  const kept = join(guestFiles, '.causeway');
  return join(kept, unfinishedIn(guestFiles)[0]!);
}

function journalOf(rig: Rig): string {
  return join(partialFolder(rig.guestFiles), 'journal');
}

/** Indexes of the chunks that the journal tells of. */
function notedChunks(rig: Rig): number[] {
  const { records } = readJournal(readFileSync(journalOf(rig)));
  return records.flatMap((record) => (record.type === 'chunk' ? [record.index] : []));
}

function partialOf(guestFiles: string): string {
  const folder = partialFolder(guestFiles);
  return join(folder, readdirSync(folder).find((name) => name !== 'journal')!);
}

function flipBit(path: string, offset: number, chance: number): void {
  const fd = openSync(path, 'r+');
  try {
    assert.ok(offset < fstatSync(fd).size);
    const byte = new Uint8Array(1);
    readSync(fd, byte, 0, 1, offset);
    byte[0]! ^= 1 << Math.floor(chance * 8);
    writeSync(fd, byte, 0, 1, offset);
  } finally {
    closeSync(fd);
  }
}

function assertNothingLeft(rig: Rig): void {
  assert.deepEqual(unfinishedIn(rig.guestFiles), []);
}
