import fs from 'node:fs';
import path from 'node:path';
import type { AddMountRequest } from '../../src/contract/mount_schemas.ts';
import { Rig, type RigOptions } from '../interop/rig.ts';

/** A folder of a machine, and the same folder mounted on the host, by a daemon and an agent in processes of their own. */
export interface FarRig extends AsyncDisposable {
  readonly rig: Rig;
  readonly source: string;
  readonly mountpoint: string;
}

export async function startFarMount(
  more: Partial<AddMountRequest> = {},
  options: RigOptions = {},
): Promise<FarRig> {
  const rig = await Rig.start(options);
  const source = path.join(rig.guestFiles, 'source');
  const mountpoint = path.join(rig.hostFiles, 'mounted');
  for (const at of [rig.folder, rig.guestFiles, rig.hostFiles]) fs.chmodSync(at, 0o755);
  for (const at of [source, mountpoint]) fs.mkdirSync(at);
  await rig.waitUp();
  const request = { vm: 'vm', folder: source, mountpoint, allowOther: true, asRoot: true, ...more };
  try {
    await rig.client.call('addMount', {}, request);
  } catch (failure) {
    await rig[Symbol.asyncDispose]();
    throw failure;
  }
  return {
    rig,
    source,
    mountpoint,
    [Symbol.asyncDispose]: async () => {
      await rig.client.call('removeMount', {}, { mountpoint }).catch(() => undefined); // the daemon was killed, maybe
      await rig[Symbol.asyncDispose]();
    },
  };
}
