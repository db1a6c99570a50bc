import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mixedTree, randomFile, sha256 } from '../interop/trees.ts';
import { CopyLab, guestListing, guestSha256, hostListing, type Topology } from './rig.ts';
import { labMissing } from './vm.ts';

const skip = labMissing() ?? false;
const isFull = process.env['LAB_FULL'] === '1';
const MIB = 1024 * 1024;
const TREE_FILES = 300;
const FILE_BYTES = 48 * MIB + 4_711;
const FULL_FILE_BYTES = 2 * 1024 * MIB;
const FULL_TREE_FILES = 20_000;

/** Copies in and back out and compares the three by the guest's and this machine's own tools; gives MiB/s each way. */
async function thereAndBack(
  lab: CopyLab,
  name: string,
  proofs: { host: (path: string) => string; guest: (lab: CopyLab, path: string) => Promise<string> },
): Promise<string> {
  const source = join(lab.hostFiles, name);
  const target = `${lab.guestFiles}/${name}`;
  const figures: string[] = [];
  const copy = async (...args: string[]) => {
    const { code, out, err } = await lab.cli('cp', '--json', ...args);
    assert.equal(code, 0, `${err}${out.trim().split('\n').at(-1)}\n${await lab.agentLog()}`);
    const end = JSON.parse(out.trim().split('\n').at(-1)!);
    const seconds = end.elapsedMs / 1_000;
    const mibPerSecond = (end.plannedBytes / MIB / seconds).toFixed(1);
    figures.push(
      `${end.plannedEntries} entries, ${end.plannedBytes} bytes in ${seconds.toFixed(1)} s, ${mibPerSecond} MiB/s, attempts ${end.attempts}`,
    );
  };
  await copy(source, `vm:${lab.guestFiles}/`);
  const proof = proofs.host(source);
  assert.equal(await proofs.guest(lab, target), proof);
  await copy(`vm:${target}`, join(lab.hostFiles, `${name} back`));
  assert.equal(proofs.host(join(lab.hostFiles, `${name} back`)), proof);
  assert.equal(await lab.guest(`ls -A ${lab.guestFiles}`), `${name}\n`, 'temporary data are left over');
  await lab.guest(`rm -rf ${target}`);
  rmSync(join(lab.hostFiles, `${name} back`), { recursive: true });
  rmSync(source, { recursive: true });
  return `${name}: in ${figures[0]}; out ${figures[1]}`;
}

const treeProofs = { host: hostListing, guest: guestListing };
const fileProofs = { host: sha256, guest: guestSha256 };

async function assertEncrypted(lab: CopyLab): Promise<void> {
  const { out } = await lab.cli('status');
  assert.match(out, /\bX25519MLKEM768 TLS_AES_256_GCM_SHA384\b/);
}

for (const { topology, network } of [
  { topology: 'serial', network: 'no network device' },
  { topology: 'agent listens', network: 'user networking' },
  { topology: 'agent dials', network: 'user networking' },
] satisfies { topology: Topology; network: string }[]) {
  describe(`lab: copy with ${network}, ${topology}`, { skip }, () => {
    let lab: CopyLab;
    before(async () => {
      lab = await CopyLab.start({ topology });
    });
    after(() => lab?.[Symbol.asyncDispose]());

    test('the link is encrypted with the hybrid key exchange', async () => {
      await assertEncrypted(lab);
      const cards = (await lab.guest('ls /sys/class/net')).split('\n');
      assert.equal(cards.includes('eth0'), topology !== 'serial');
    });

    test('a mixed tree goes in and comes back out the same', async (t) => {
      mixedTree(join(lab.hostFiles, 'tree'), TREE_FILES);
      t.diagnostic(await thereAndBack(lab, 'tree', treeProofs));
    });

    test('a file goes in and comes back out the same', async (t) => {
      randomFile(join(lab.hostFiles, 'file'), FILE_BYTES);
      t.diagnostic(await thereAndBack(lab, 'file', fileProofs));
    });

    const notFull = isFull && topology !== 'agent dials' ? false : 'takes long: LAB_FULL=1';
    if (isFull)
      test('2 GiB and 20,000 files go in and come back out the same', { skip: notFull }, async (t) => {
        mixedTree(join(lab.hostFiles, 'large tree'), FULL_TREE_FILES);
        t.diagnostic(await thereAndBack(lab, 'large tree', treeProofs));
        randomFile(join(lab.hostFiles, 'large file'), FULL_FILE_BYTES);
        t.diagnostic(await thereAndBack(lab, 'large file', fileProofs));
      });
  });
}
