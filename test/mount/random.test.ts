// Random operations on one file of a mount, of a folder of this host or of a machine, compared with a model in memory. SEED=N
// repeats a run, FSX_OPS=N makes it longer (1,000,000 for the long form), FSX_WAY picks one of `served`, `kernel`, `link` and
// `writer`.
import path from 'node:path';
import { describe, it } from 'node:test';
import { startFarMount } from './far_rig.ts';
import { skip, startMountProcess } from './rig.ts';
import { tortured } from './twin.ts';

const OPERATIONS = Number(process.env['FSX_OPS'] ?? 4_000);
/** Each operation takes ten times as long over the link. */
const FAR_OPERATIONS = Number(process.env['FSX_OPS'] ?? 1_000);
const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const WAY = process.env['FSX_WAY'] ?? null;
const runs = (way: string) => WAY === null || WAY === way;

describe(`random operations on a file of a mount, SEED=${SEED}`, { skip }, () => {
  for (const passthrough of [false, true])
    if (runs(passthrough ? 'kernel' : 'served'))
      it(`leave what they must leave${passthrough ? ', with bytes moved by the kernel' : ''}`, async () => {
        await using rig = await startMountProcess(passthrough);
        tortured(path.join(rig.mountpoint, 'file'), path.join(rig.source, 'file'), {
          seed: SEED,
          operations: OPERATIONS,
        });
      });

  for (const hasWriter of [false, true])
    if (runs(hasWriter ? 'writer' : 'link'))
      it(`leave what they must leave over the link, over TLS${hasWriter ? ', beside who made it' : ''}`, async () => {
        await using far = await startFarMount();
        tortured(path.join(far.mountpoint, 'file'), path.join(far.source, 'file'), {
          seed: SEED,
          operations: FAR_OPERATIONS,
          hasWriter,
        });
      });
});
