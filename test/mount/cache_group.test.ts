// A mount with a cache, by a daemon in a group of control that holds it to 512 MiB. CGROUP_FLOW=10 reads 10 GiB through it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const MIB = 1024 * 1024;
const FLOW_BYTES = Number(process.env['CGROUP_FLOW'] ?? 0.125) * 1024 * MIB;
const LIMIT_BYTES = 512 * MIB;
const FILE_BYTES = Math.min(256 * MIB, FLOW_BYTES);
const UNIFIED = ['memory.max', 'memory.peak', 'memory.events'] as const;
const OLDER = ['memory.limit_in_bytes', 'memory.max_usage_in_bytes', 'memory.oom_control'] as const;

interface Group {
  readonly folder: string;
  readonly names: typeof UNIFIED | typeof OLDER;
}

/** A group below the one of this process; null where none can be made. */
function makeGroup(): Group | null {
  const lines = fs.readFileSync('/proc/self/cgroup', 'utf8').split('\n');
  for (const names of [OLDER, UNIFIED]) {
    const isOlder = names === OLDER;
    const line = lines.find((one) => one.split(':')[1] === (isOlder ? 'memory' : ''));
    if (line === undefined) continue;
    const base = isOlder ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
    const folder = path.join(base, line.split(':')[2] ?? '', `causeway-test-${process.pid}`);
    try {
      fs.mkdirSync(folder);
    } catch {
      continue;
    }
    try {
      fs.writeFileSync(path.join(folder, names[0]), String(LIMIT_BYTES));
      return { folder, names };
    } catch {
      fs.rmdirSync(folder);
    }
  }
  return null;
}

const made = skip === false && fs.existsSync('/proc/self/cgroup') ? makeGroup() : null;
if (made !== null) fs.rmdirSync(made.folder);

const measures = () => {
  it('reads what is much more than that, and nobody is killed', async (test) => {
    const group = makeGroup() as Group;
    const value = (name: string) => fs.readFileSync(path.join(group.folder, name), 'utf8');
    try {
      await using far = await startFarMount({ cacheBytes: 4096 * MIB });
      fs.writeFileSync(path.join(group.folder, 'cgroup.procs'), String(far.rig.daemon.pid));
      const piece = Buffer.alloc(MIB);
      let [doneBytes, files] = [0, 0];
      for (; doneBytes < FLOW_BYTES; doneBytes += FILE_BYTES, files += 1) {
        const name = `file ${files}`;
        const source = fs.openSync(path.join(far.source, name), 'w');
        for (let at = 0; at < FILE_BYTES; at += MIB) fs.writeSync(source, piece.fill(`${files} ${at} `));
        fs.closeSync(source);
        const { ctimeMs } = fs.statSync(path.join(far.source, name));
        await until('it may be kept', () => Date.now() - ctimeMs > 2_200);
        const mounted = await fs.promises.open(path.join(far.mountpoint, name));
        for (let at = 0; at < FILE_BYTES; at += MIB) {
          const { bytesRead, buffer } = await mounted.read(Buffer.alloc(MIB), 0, MIB, at);
          assert.equal(bytesRead, MIB);
          assert.ok(buffer.equals(piece.fill(`${files} ${at} `)), `${name} at ${at}`);
        }
        await mounted.close();
        fs.rmSync(path.join(far.source, name));
      }
      assert.ok(far.rig.daemon.alive, far.rig.daemon.errors);
      assert.match(`${value(group.names[2])}\n`, /oom_kill 0\n/);
      const [mount] = await far.rig.client.call('listMounts', {});
      const { memoryLimitBytes = 0, memoryPressurePercent, bytesAsked = 0 } = mount?.cache ?? {};
      assert.ok(memoryLimitBytes <= 0.4 * LIMIT_BYTES);
      // a kernel that is short of memory reads some again, and a machine that is busy has some reads go past it
      assert.ok(bytesAsked > doneBytes / 2, `${bytesAsked} of ${doneBytes} bytes went through the cache`);
      const peak = Math.round(Number(value(group.names[1])) / MIB);
      test.diagnostic(
        `${doneBytes / MIB} MiB were read; peak of the group ${peak} of ${LIMIT_BYTES / MIB} MiB, ` +
          `memory of the daemon ${peakOf(far.rig.daemon.pid)} MiB at most, pressure ${memoryPressurePercent} %`,
      );
    } finally {
      fs.rmdirSync(group.folder);
    }
  });
};
if (made !== null) describe('a mount with a cache in a group of 512 MiB', { skip }, measures);

function peakOf(pid: number): number {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
}
