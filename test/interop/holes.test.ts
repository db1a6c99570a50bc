import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { Rig, until } from './rig.ts';
import { randomFile } from './trees.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
/** What a file system may take for itself: extent blocks, and blocks that are touched by a byte. */
const SLACK = 64 * KIB;

/** Only root can mount. */
const skipMounts =
  process.getuid?.() === 0 || process.env['CAUSEWAY_REQUIRE'] === 'all' ? false : 'needs root';
/** A file system without holes, whatever the kernel has. */
const hasTools =
  spawnSync('sh', ['-c', 'PATH=$PATH:/sbin:/usr/sbin; command -v mount.exfat-fuse mkfs.exfat losetup'])
    .status === 0;
const skipFat =
  hasTools || process.env['CAUSEWAY_REQUIRE'] === 'all' ? false : 'needs exfat-fuse and exfatprogs';

const allocated = (path: string): number => statSync(path).blocks * 512;

/** A file of holes with bytes in some places. */
function sparseFile(path: string, sizeBytes: number, islands: Readonly<Record<number, Uint8Array>>): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, sizeBytes);
  for (const [at, bytes] of Object.entries(islands)) writeSync(fd, bytes, 0, bytes.byteLength, Number(at));
  closeSync(fd);
}

function mark(text: string, sizeBytes: number): Uint8Array {
  return Buffer.alloc(sizeBytes, text);
}

function same(a: string, b: string): void {
  execFileSync('cmp', [a, b]);
}

/** The same where the first one has data and around that, and as long: to read all of two large files takes minutes. */
function sameAround(islands: readonly number[], a: string, b: string): void {
  assert.equal(statSync(b).size, statSync(a).size);
  for (const at of islands) {
    const skip = String(Math.max(0, at - MIB));
    execFileSync('cmp', ['-i', skip, '-n', String(8 * MIB), a, b]);
  }
}

describe('holes', () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.start();
  });
  after(() => rig[Symbol.asyncDispose]());

  /** The copy of a file, by tools that share no code with this project the same as the file, and as sparse. */
  async function copy(
    direction: 'in' | 'out',
    source: string,
    destination: string,
    compare = same,
  ): Promise<JobView> {
    const end = await rig.waitJob((await rig.startJob(direction, source, destination)).id);
    assert.equal(end.state, 'done', JSON.stringify(end.error ?? end.problems));
    const target = join(destination, source.slice(source.lastIndexOf('/') + 1));
    compare(source, target);
    assert.equal(statSync(target).mtimeMs, statSync(source).mtimeMs);
    assert.ok(
      allocated(target) <= allocated(source) + SLACK,
      `${allocated(target)} bytes on the disk, ${allocated(source)} at the source`,
    );
    assert.equal(end.durableBytes, statSync(source).size);
    return end;
  }

  test('10 GiB with three islands of data', { timeout: 300_000 }, async (t) => {
    const source = join(rig.hostFiles, 'large.raw');
    sparseFile(source, 10 * GIB + 12_345, {
      [0]: mark('first', 3 * MIB),
      [5 * GIB + 777]: mark('second', 200_000),
      [9 * GIB + 100 * KIB]: mark('third', 5 * MIB + 1),
    });
    const islands = [0, 5 * GIB, 9 * GIB, 10 * GIB];
    const end = await copy('in', source, rig.guestFiles, (a, b) => sameAround(islands, a, b));
    t.diagnostic(
      `${end.sentBytes} bytes sent, ${allocated(source)} on the disk, ${Math.round(end.elapsedMs)} ms`,
    );
    assert.ok(end.sentBytes <= 12 * MIB, `${end.sentBytes} bytes sent`);
    assert.equal(end.sentBytes + end.zeroBytes, end.plannedBytes);
  });

  test('from the machine to the host; a file that is one hole; a small file', async () => {
    for (const [name, size, islands] of [
      ['out.raw', 40 * MIB + 5, { [17 * MIB + 5]: mark('x', 9_000) }],
      ['hole', 3 * MIB + 1, {}],
      ['one chunk', 300 * KIB, {}],
      ['small', 100 * KIB + 1, { [64 * KIB]: mark('y', 10) }],
    ] as const) {
      const source = join(rig.guestFiles, name);
      sparseFile(source, size, islands);
      const end = await copy('out', source, rig.hostFiles);
      assert.ok(end.receivedBytes <= 2 * MIB, `${end.receivedBytes} bytes received of ${name}`);
    }
  });

  test('zeros that were written become holes', async () => {
    const source = join(rig.hostFiles, 'zeros.bin');
    writeFileSync(source, Buffer.concat([mark('a', 100 * KIB), Buffer.alloc(7 * MIB), mark('b', 3)]));
    const end = await copy('in', source, rig.guestFiles);
    assert.ok(end.sentBytes <= 2 * MIB);
    assert.ok(allocated(join(rig.guestFiles, 'zeros.bin')) <= 200 * KIB + SLACK);
  });

  for (const name of ['disk.img', 'pieces.bin']) {
    test(`a changed file: zeros where there was data, data where there was a hole (${name})`, async () => {
      const source = join(rig.hostFiles, name);
      randomFile(source, 24 * MIB);
      const punch = (at: number, bytes: number) =>
        execFileSync('fallocate', ['-p', '-o', String(at), '-l', String(bytes), source]);
      punch(4 * MIB, 6 * MIB);
      await copy('in', source, rig.guestFiles);
      punch(12 * MIB + 64 * KIB, 3 * MIB + 128 * KIB);
      punch(23 * MIB, MIB);
      const fd = openSync(source, 'r+');
      writeSync(fd, mark('island', 70_000), 0, 70_000, 6 * MIB + 3);
      writeSync(fd, Buffer.alloc(256 * KIB), 0, 256 * KIB, 18 * MIB);
      closeSync(fd);
      utimesSync(source, 1_700_000_000, 1_700_000_000);
      const end = await copy('in', source, rig.guestFiles);
      assert.ok(end.reusedBytes > 8 * MIB, `${end.reusedBytes} bytes reused`);
      assert.equal(end.sentBytes + end.reusedBytes + end.zeroBytes, end.plannedBytes);
    });
  }

  test('a copy that was cut goes on with its zeros', async () => {
    const source = join(rig.hostFiles, 'cut.raw');
    sparseFile(source, 64 * MIB, { [8 * MIB]: mark('data', 20 * MIB) });
    const started = await rig.client.call(
      'startJob',
      {},
      {
        direction: 'in',
        vm: 'vm',
        sources: [source],
        destination: rig.guestFiles,
        limitBytesPerSecond: 4 * MIB,
      },
    );
    await until('a part of it is there', 60_000, async () =>
      (await rig.job(started.id)).durableBytes > 10 * MIB ? true : null,
    );
    await rig.agent.kill();
    rig.startAgent();
    const end = await rig.waitJob(started.id);
    assert.equal(end.state, 'done', JSON.stringify(end.error ?? end.problems));
    same(source, join(rig.guestFiles, 'cut.raw'));
    assert.ok(allocated(join(rig.guestFiles, 'cut.raw')) <= allocated(source) + SLACK);
  });

  describe('on other file systems', { skip: skipMounts }, () => {
    /** A mounted file system, and what takes it away. */
    function mounted(name: string, ...args: string[]): { path: string; unmount: () => void } {
      const path = join(rig.guestFiles, name);
      mkdirSync(path);
      execFileSync('mount', [...args, path]);
      return { path, unmount: () => execFileSync('umount', [path]) };
    }

    test('the free space has to hold the data, not the holes', async () => {
      const { path, unmount } = mounted('little space', '-t', 'tmpfs', '-o', 'size=32m', 'tmpfs');
      try {
        const source = join(rig.hostFiles, 'thin.raw');
        sparseFile(source, GIB, { [GIB / 2]: mark('data', 4 * MIB) });
        await copy('in', source, path, (a, b) => sameAround([GIB / 2], a, b));
        const full = join(rig.hostFiles, 'thick.raw');
        sparseFile(full, GIB, { [GIB / 2]: mark('data', 40 * MIB) });
        const told = await rig.cli('cp', full, `vm:${path}/`);
        assert.equal(told.code, 4, told.err);
        assert.match(told.err + told.out, /free, the copy needs 40/);
      } finally {
        unmount();
      }
    });

    test('where the destination has no holes they are zeros, also over what was there', {
      skip: skipFat,
    }, async () => {
      const image = join(rig.folder, 'fat');
      sparseFile(image, 64 * MIB, {});
      const env = { ...process.env, PATH: `${process.env['PATH']}:/sbin:/usr/sbin` };
      const asRoot = (command: string, ...args: string[]): string =>
        execFileSync(command, args, { env, encoding: 'utf8' }).trim();
      asRoot('mkfs.exfat', image);
      const device = asRoot('losetup', '-f', '--show', image);
      const path = join(rig.guestFiles, 'without holes');
      mkdirSync(path);
      asRoot('mount.exfat-fuse', device, path);
      const unmount = () => {
        asRoot('umount', path);
        asRoot('losetup', '-d', device);
      };
      try {
        const source = join(rig.hostFiles, 'fat.img');
        randomFile(source, 12 * MIB);
        utimesSync(source, 1_700_000_000, 1_700_000_000);
        const run = async () => {
          const { code, out, err } = await rig.cli('cp', '--json', '--owner', 'none', source, `vm:${path}/`);
          assert.equal(code, 0, `${out.slice(-1_000)} ${err}`);
          assert.deepEqual(readFileSync(join(path, 'fat.img')), readFileSync(source));
        };
        await run();
        execFileSync('fallocate', ['-p', '-o', String(2 * MIB), '-l', String(5 * MIB + 64 * KIB), source]);
        utimesSync(source, 1_700_000_002, 1_700_000_002);
        await run();
        const hole = join(dirname(source), 'fat again.img');
        copyFileSync(source, hole);
        sparseFile(source, 9 * MIB + 5, { [MIB]: mark('z', 100) });
        utimesSync(source, 1_700_000_004, 1_700_000_004);
        await run();
      } finally {
        unmount();
      }
    });
  });
});
