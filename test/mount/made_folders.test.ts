// What a mount of a machine knows of folders that it makes itself: names that are not there need not be asked for, and what others
// make there shows all the same. A daemon and an agent in processes of their own, over TLS.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { FaultProxy } from '../interop/fault_proxy.ts';
import { until } from '../interop/rig.ts';
import { startFarMount } from './far_rig.ts';
import { skip } from './rig.ts';

/** What the kernel was told it believes for so long, so that it asks for nothing by itself. */
const CACHE_MS = 3_600_000;
const DEADLINE_MS = 20_000;

describe('a folder that was made through a mount of a machine', { skip }, () => {
  it('is known to be empty without asking, until others make something in it, which shows', async () => {
    let proxy: FaultProxy | null = null;
    const between = async (port: number) => {
      proxy = await FaultProxy.start(port);
      return proxy.port;
    };
    await using far = await startFarMount({ cacheMs: CACHE_MS }, { between });
    await using faults = proxy as unknown as FaultProxy;
    const [here, there] = [path.join(far.mountpoint, 'made'), path.join(far.source, 'made')];
    await files.mkdir(here);
    await files.stat(here);
    faults.stalled = true; // nothing gets through: an answer is one of this host
    try {
      await assert.rejects(files.stat(path.join(here, 'none')), { code: 'ENOENT' });
    } finally {
      faults.stalled = false;
    }
    await files.writeFile(path.join(here, 'own'), 'of this host');
    assert.equal(fs.readFileSync(path.join(there, 'own'), 'utf8'), 'of this host');
    await files.rename(path.join(here, 'own'), path.join(here, 'renamed'));
    await assert.rejects(files.stat(path.join(here, 'own')), { code: 'ENOENT' });
    assert.equal(await files.readFile(path.join(here, 'renamed'), 'utf8'), 'of this host');
    fs.writeFileSync(path.join(there, 'taken'), 'of the machine');
    await assert.rejects(files.writeFile(path.join(here, 'taken'), '', { flag: 'wx' }), { code: 'EEXIST' });
    fs.writeFileSync(path.join(there, 'other'), 'of the machine');
    const shown = () => files.readFile(path.join(here, 'other'), 'utf8').catch(() => null);
    assert.equal(await until('it shows', DEADLINE_MS, shown), 'of the machine');
    assert.deepEqual((await files.readdir(here)).toSorted(), ['other', 'renamed', 'taken']);
  });

  it('takes many files, of which nothing is lost when the connection is cut again and again', async () => {
    let proxy: FaultProxy | null = null;
    const between = async (port: number) => {
      proxy = await FaultProxy.start(port);
      return proxy.port;
    };
    await using far = await startFarMount({}, { between });
    await using faults = proxy as unknown as FaultProxy;
    const here = path.join(far.mountpoint, 'many');
    await files.mkdir(here);
    for (let number = 0; number < 100; number += 1) {
      if (number % 40 === 20) faults.cut();
      await files.writeFile(path.join(here, `${number}`), `${number}`);
      if (number % 3 === 0) await files.unlink(path.join(here, `${number}`));
    }
    const names = fs.readdirSync(path.join(far.source, 'many'));
    assert.equal(names.length, 66);
    for (const name of names)
      assert.equal(fs.readFileSync(path.join(far.source, 'many', name), 'utf8'), name);
  });
});
