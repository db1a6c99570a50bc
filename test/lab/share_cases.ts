import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import type { CreatedShareView } from '../../src/contract/share_schemas.ts';
import { until } from '../interop/rig.ts';
import type { CopyLab } from './rig.ts';

const SHOWN_AT = '/mnt/shown';
const FILE_BYTES = 4_096;
/** Files that are written before the daemon dies, and after it is back. */
const FILES_BEFORE = 5;
const FILES_AFTER = 2;
const PAST_OUTAGE_MS = 1_000;
const LIMIT_MS = 120_000;

async function createShare(lab: CopyLab, folder: string, ...more: string[]): Promise<CreatedShareView> {
  mkdirSync(folder);
  const { code, out, err } = await lab.cli('share', 'create', folder, '--json', ...more);
  assert.equal(code, 0, err);
  return JSON.parse(out) as CreatedShareView;
}

const secondsSince = (startMs: number) => `${((performance.now() - startMs) / 1_000).toFixed(1)} s`;

/** A folder of the host in a guest that has nothing but its serial port. */
export function sharedIntoGuest(lab: () => CopyLab): void {
  test('a folder of the host is writable in the guest after one command', async (t) => {
    const folder = join(lab().hostFiles, 'shown');
    const startMs = performance.now();
    await createShare(lab(), folder, '--as-root', '--mount', `vm:${SHOWN_AT}`);
    await lab().guest(`echo from the guest > ${SHOWN_AT}/a`);
    t.diagnostic(`writable after ${secondsSince(startMs)}`);
    assert.equal(readFileSync(join(folder, 'a'), 'utf8'), 'from the guest\n');
    assert.match(await lab().guest(`stat -f -c %T ${SHOWN_AT}`), /fuse/);
  });

  test('the daemon is killed while the guest writes: the mount heals, and nothing flushed is lost', async (t) => {
    const folder = join(lab().hostFiles, 'shown');
    const write = `dd if=/dev/urandom of=${SHOWN_AT}/f$i bs=${FILE_BYTES} count=1 conv=fsync 2>/dev/null`;
    const sum = `sha256sum < ${SHOWN_AT}/f$i`;
    const loop = `i=0; until [ -e /run/share.stop ]; do i=$((i+1)); ${write} && s=$(${sum}) && echo $i $s >> /run/share.kept; done`;
    await lab().guest('rm -f /run/share.stop /run/share.kept');
    await lab().vm.exec(loop, { background: true });
    const kept = async () =>
      (await lab().vm.exec('cat /run/share.kept 2>/dev/null')).stdout.split('\n').slice(0, -1);
    const grown = (count: number) =>
      until(`${count} files are written`, LIMIT_MS, async () =>
        (await kept()).length >= count ? true : null,
      );
    await grown(FILES_BEFORE);
    await lab().restartDaemon();
    const startMs = performance.now();
    const before = (await kept()).length;
    await grown(before + 1);
    t.diagnostic(`written again ${secondsSince(startMs)} after the daemon was ready`);
    // programs get errors where a mount is not served for that long: it must be past that, and still be written to
    await until('it has outlived what an outage may last', LIMIT_MS, () =>
      performance.now() - startMs > LIMITS.mountOutageMs.value + PAST_OUTAGE_MS ? true : null,
    );
    await grown((await kept()).length + FILES_AFTER);
    await lab().guest('touch /run/share.stop');
    for (const line of await kept()) {
      const [number = '', hash] = line.split(/\s+/);
      const name = `f${number}`;
      assert.ok(readdirSync(folder).includes(name), `${name} was flushed and is lost`);
      assert.equal(statSync(join(folder, name)).size, FILE_BYTES);
      assert.equal(await lab().guest(`sha256sum < ${SHOWN_AT}/${name}`), `${hash}  -\n`);
    }
    const { code, err } = await lab().cli('share', 'rm', 'shown');
    assert.equal(code, 0, err);
    await until('it is unmounted', LIMIT_MS, async () =>
      (await lab().vm.exec(`grep -q ' ${SHOWN_AT} ' /proc/mounts`)).code === 0 ? null : true,
    );
  });
}

/** A folder of the host that a guest shows, and is to show again after its reset. */
export class ShownFolder {
  readonly #lab: CopyLab;
  readonly #folder: string;

  private constructor(lab: CopyLab, folder: string) {
    this.#lab = lab;
    this.#folder = folder;
  }

  static async create(lab: CopyLab): Promise<ShownFolder> {
    const folder = join(lab.hostFiles, 'kept');
    await createShare(lab, folder, '--as-root', '--mount', `vm:${SHOWN_AT}`);
    await lab.guest(`echo before > ${SHOWN_AT}/before`);
    return new ShownFolder(lab, folder);
  }

  /** Waits until it can be written in the guest again; gives how long that took. */
  async back(): Promise<string> {
    const startMs = performance.now();
    await until('the guest shows it again', LIMIT_MS, async () =>
      (await this.#lab.vm.exec(`test -e ${SHOWN_AT}/before`)).code === 0 ? true : null,
    );
    await this.#lab.guest(`echo after > ${SHOWN_AT}/after`);
    const took = secondsSince(startMs);
    assert.equal(readFileSync(join(this.#folder, 'after'), 'utf8'), 'after\n');
    return took;
  }

  async remove(): Promise<void> {
    const { code, err } = await this.#lab.cli('share', 'rm', 'kept');
    assert.equal(code, 0, err);
  }
}

/** The guest reaches this machine's loopback by its network. */
export function mountedBySmb(lab: () => CopyLab, hostAddress: string): void {
  test('the kernel of the guest mounts a share by SMB 3, encrypted', async (t) => {
    const folder = join(lab().hostFiles, 'smb');
    const { share, password } = await createShare(lab(), folder, '--smb');
    assert.equal(share.smb?.error, null);
    const place = `-o ip=${hostAddress},port=${share.smb?.port},username=smb,password=${password},vers=3.1.1,seal`;
    const startMs = performance.now();
    await lab().guest(`mkdir -p /mnt/smb && mount -t cifs //${hostAddress}/smb /mnt/smb ${place}`);
    await lab().guest(
      'echo by smb > /mnt/smb/a && mkdir /mnt/smb/sub && mv /mnt/smb/a /mnt/smb/sub/b && sync',
    );
    t.diagnostic(`mounted and written in ${secondsSince(startMs)}`);
    assert.equal(readFileSync(join(folder, 'sub/b'), 'utf8'), 'by smb\n');
    assert.match(await lab().guest("grep ' /mnt/smb ' /proc/mounts"), /vers=3\.1\.1.*\bseal\b/);
    await lab().guest('umount /mnt/smb');
    const { code } = await lab().cli('share', 'rm', 'smb');
    assert.equal(code, 0);
  });
}
