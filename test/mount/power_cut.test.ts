// The power fails at writes of a real file system: a write-back cache with its journal on an ext4, whose disk notes each write and
// flush that the kernel makes. What a disk may have kept of it is mounted again, and read by the next process. SEED=N chooses
// steps, file systems and cuts; when the kernel writes what is its own affair. POWER_CUTS=1000 cuts so often.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ROOT } from '../interop/rig.ts';
import { skip } from './rig.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const CUTS = Number(process.env['POWER_CUTS'] ?? 20);
const SCRIPT = path.join(ROOT, 'test/mount/power_cut_run.ts');
const exec = promisify(execFile);

interface Outcome {
  readonly points: number;
  readonly recordings: number;
  readonly writes: number;
  readonly violations: readonly string[];
}

async function cut(seed: number, cuts: number, ...bug: readonly string[]): Promise<Outcome> {
  const program = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    SCRIPT,
    `${seed}`,
    `${cuts}`,
    ...bug,
  ];
  const flags = ['--mount', '--propagation', 'private'];
  const { stdout } = await exec('unshare', [...flags, ...program], { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout) as Outcome;
}

describe('a write-back cache on a disk whose power fails', { skip }, () => {
  it('loses nothing that was said to be stable, and keeps the order', async () => {
    const { points, recordings, writes, violations } = await cut(SEED, CUTS);
    const about = `${points} power cuts in ${recordings} recordings of ${writes} writes and flushes`;
    process.stdout.write(`${about}: ${violations.length} violations\n`);
    assert.deepEqual(violations, []);
    assert.equal(points, CUTS);
  });

  it('would be found out if it told of flushes that were none', async () => {
    const { violations } = await cut(1, 12, 'write-back-early-acknowledge');
    assert.notEqual(violations.length, 0);
  });
});
