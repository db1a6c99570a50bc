import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** The zone of a process is fixed at its start: each one asked for gets a process. */
function offsetsIn(zone: string, ...isoTimes: string[]): number[] {
  const script = `
    const { createNodeLocalTime } = await import(${JSON.stringify(new URL('local_time.ts', import.meta.url).href)});
    const { offsetMs } = createNodeLocalTime();
    console.log(JSON.stringify(${JSON.stringify(isoTimes)}.map((iso) => offsetMs(Date.parse(iso)) / 3_600_000)));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, TZ: zone },
    encoding: 'utf8',
  });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as number[];
}

test('local time is ahead of UTC in the east, behind in the west, and follows clock changes', () => {
  assert.deepEqual(offsetsIn('UTC', '2026-01-01T00:00:00Z'), [0]);
  assert.deepEqual(offsetsIn('Asia/Kolkata', '2026-01-01T00:00:00Z'), [5.5]);
  assert.deepEqual(offsetsIn('America/Los_Angeles', '2026-01-01T00:00:00Z'), [-8]);
  assert.deepEqual(offsetsIn('Europe/Berlin', '2026-03-29T00:59:59Z', '2026-03-29T01:00:00Z'), [1, 2]);
});
