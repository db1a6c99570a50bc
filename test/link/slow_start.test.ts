import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { dialLink } from '../../src/link/dial.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Longer than TLS may take on a carrier that is there already. */
const STARTS_AFTER_S = LIMITS.handshakeTimeoutMs.value / 1_000 + 1;

it('links with an agent that a command starts late, as on an emulated machine, at the first attempt', async () => {
  const world = createNodeWorld();
  const folder = mkdtempSync(join(tmpdir(), 'causeway-slow-'));
  const agent = `${process.execPath} ${ROOT}/src/guest/main.ts run --stdio --data ${folder}`;
  const link = dialLink(world, {
    channel: { kind: 'exec', argv: ['/bin/sh', '-c', `sleep ${STARTS_AFTER_S}; exec ${agent}`] },
    trust: { kind: 'first-use', fingerprint: null, onPinned: async () => undefined },
    identity: await world.identities.create('host'),
    buildId: 'test',
    handshakeTimeoutMs: LIMITS.execHandshakeTimeoutMs.value,
  });
  const attempts: number[] = [];
  link.onState((state) => {
    if (state.kind === 'connecting') attempts.push(state.attempt);
  });
  try {
    await link.ready(AbortSignal.timeout(LIMITS.execHandshakeTimeoutMs.value));
    assert.ok(
      attempts.every((attempt) => attempt <= 1),
      `attempts: ${attempts}`,
    );
  } finally {
    await link.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
