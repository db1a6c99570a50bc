import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { mixedTree, randomFile, sha256 } from '../interop/trees.ts';
import {
  AGENT_FROM_SOURCES,
  CopyLab,
  guestListing,
  guestSha256,
  HOST_FROM_GUEST,
  hostListing,
  isFull,
} from './rig.ts';
import { mountedBySmb, sharedIntoGuest } from './share_cases.ts';
import { labMissing } from './vm.ts';
import { workedOnBothSides } from './work_cases.ts';

const skip = labMissing() ?? false;
const MIB = 1024 * 1024;
const TREE_FILES = 150;
const FILE_BYTES = 24 * MIB + 4_711;
const SHORT_FILE_BYTES = 4 * MIB + 1;
const FULL_FILE_BYTES = 2 * 1024 * MIB;
const FULL_TREE_FILES = 20_000;

/** What tells two copies apart, by each side's own tools. */
interface Proof {
  host(path: string): string;
  guest(lab: CopyLab, path: string): Promise<string>;
}

const WHOLE_TREE: Proof = { host: hostListing, guest: guestListing };
const WHOLE_FILE: Proof = { host: sha256, guest: guestSha256 };

/** Copies `name` into the guest and back out of it; all three are the same, and nothing else is left on either side. */
async function thereAndBack(t: TestContext, lab: CopyLab, name: string, proof: Proof): Promise<void> {
  const source = join(lab.hostFiles, name);
  const back = join(lab.hostFiles, `${name} back`);
  const inGuest = `${lab.guestFiles}/${name}`;
  const wanted = proof.host(source);
  t.diagnostic(`in:  ${await copy(lab, source, `vm:${lab.guestFiles}/`)}`);
  assert.equal(await proof.guest(lab, inGuest), wanted);
  t.diagnostic(`out: ${await copy(lab, `vm:${inGuest}`, back)}`);
  assert.equal(proof.host(back), wanted);
  // undo knows what the copy has made; nothing else may be left of it
  const kept = `${lab.guestFiles}/.causeway`;
  const there = (await lab.guest(`ls -A ${lab.guestFiles}; ls -A ${kept}`)).trim().split('\n');
  assert.deepEqual(there, ['.causeway', name, 'undo'], 'temporary data are left over');
  await lab.guest(`rm -rf '${inGuest}'`);
  for (const path of [source, back]) rmSync(path, { recursive: true });
}

/** Runs `causeway cp`, which must succeed; its figures. */
async function copy(lab: CopyLab, source: string, destination: string): Promise<string> {
  const { code, out, err } = await lab.cli('cp', '--json', source, destination);
  const last = out.trim().split('\n').at(-1) ?? '';
  assert.equal(code, 0, `${err}${last}\n${await lab.agentLog()}`);
  const { plannedEntries, plannedBytes, elapsedMs, attempts } = JSON.parse(last) as JobView;
  const seconds = elapsedMs / 1_000;
  const rate = (plannedBytes / MIB / seconds).toFixed(1);
  return `${plannedEntries} entries, ${plannedBytes} bytes in ${seconds.toFixed(1)} s (${rate} MiB/s), attempts ${attempts}`;
}

describe('lab: copy over virtio-serial, no network device', { skip }, () => {
  let lab: CopyLab;
  before(async () => {
    lab = await CopyLab.start({ topology: 'serial' });
  });
  after(() => lab?.[Symbol.asyncDispose]());

  test('the guest has no network card, and the link is encrypted with the hybrid key exchange', async () => {
    assert.equal(await lab.guest('ls /sys/class/net'), 'lo\n');
    assert.match((await lab.cli('status')).out, /\bserial \S+ +X25519MLKEM768 TLS_AES_256_GCM_SHA384\b/);
  });

  test('a mixed tree goes in and comes back out the same', async (t) => {
    mixedTree(join(lab.hostFiles, 'tree'), TREE_FILES);
    await thereAndBack(t, lab, 'tree', WHOLE_TREE);
  });

  test('a file goes in and comes back out the same', async (t) => {
    randomFile(join(lab.hostFiles, 'file'), FILE_BYTES);
    await thereAndBack(t, lab, 'file', WHOLE_FILE);
  });

  sharedIntoGuest(() => lab);

  workedOnBothSides(() => lab);

  if (isFull) fullSize(() => lab);
});

/** Its start takes a minute under emulation. */
function withAgentOfSources(): void {
  test('a file goes in and comes back out the same', async (t) => {
    await using lab = await CopyLab.start({ topology: 'serial', agentCommand: AGENT_FROM_SOURCES });
    randomFile(join(lab.hostFiles, 'file'), SHORT_FILE_BYTES);
    await thereAndBack(t, lab, 'file', WHOLE_FILE);
  });
}

if (isFull)
  describe('lab: copy over virtio-serial, with the agent of the sources', { skip }, withAgentOfSources);

describe('lab: copy over TCP, the host dials the agent', { skip }, () => {
  let lab: CopyLab;
  before(async () => {
    lab = await CopyLab.start({ topology: 'agent listens' });
  });
  after(() => lab?.[Symbol.asyncDispose]());

  test('the link is encrypted with the hybrid key exchange', async () => {
    assert.match((await lab.cli('status')).out, /\btcp \S+ +X25519MLKEM768 TLS_AES_256_GCM_SHA384\b/);
  });

  test('a file goes in and comes back out the same', async (t) => {
    randomFile(join(lab.hostFiles, 'file'), FILE_BYTES);
    await thereAndBack(t, lab, 'file', WHOLE_FILE);
  });

  if (isFull) mountedBySmb(() => lab, HOST_FROM_GUEST);

  if (isFull) fullSize(() => lab);
});

describe('lab: copy over TCP, the agent dials the host', { skip }, () => {
  test('a file goes in and comes back out the same, over the hybrid key exchange', async (t) => {
    await using lab = await CopyLab.start({ topology: 'agent dials' });
    assert.match((await lab.cli('status')).out, /\bdials in +X25519MLKEM768 TLS_AES_256_GCM_SHA384\b/);
    randomFile(join(lab.hostFiles, 'file'), SHORT_FILE_BYTES);
    await thereAndBack(t, lab, 'file', WHOLE_FILE);
  });
});

async function tellMemory(t: TestContext, lab: CopyLab): Promise<void> {
  const { daemonBytes, agentBytes } = await lab.peakMemory();
  const mib = (bytes: number) => (bytes / MIB).toFixed(0);
  t.diagnostic(`memory at most: daemon ${mib(daemonBytes)} MiB, agent ${mib(agentBytes)} MiB`);
}

function fullSize(lab: () => CopyLab): void {
  test('full size: a file of 2 GiB goes in and comes back out the same', async (t) => {
    randomFile(join(lab().hostFiles, 'file of 2 GiB'), FULL_FILE_BYTES);
    await thereAndBack(t, lab(), 'file of 2 GiB', WHOLE_FILE);
    await tellMemory(t, lab());
  });

  test('full size: a tree of 20,000 files goes in and comes back out the same', async (t) => {
    mixedTree(join(lab().hostFiles, 'tree of 20000'), FULL_TREE_FILES);
    await thereAndBack(t, lab(), 'tree of 20000', WHOLE_TREE);
    await tellMemory(t, lab());
  });
}
