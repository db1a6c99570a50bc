import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startDav } from './dav_rig.ts';
import { ALL_PASSED, runLitmus } from './litmus_run.ts';

it('passes every test of every program of litmus over HTTP', async () => {
  await using rig = await startDav();
  const { passed, output } = await runLitmus(`${rig.url}/`);
  assert.deepEqual(passed, ALL_PASSED, output);
  assert.doesNotMatch(output, /WARNING|FAIL/, output);
  assert.deepEqual(rig.notes, []);
});
