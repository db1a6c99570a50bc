import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inlineOffload, type Offload } from '../world/offload.ts';
import type { World } from '../world/world.ts';
import type { AgentChannel } from './agent.ts';
import { modestWorld } from './modest_world.ts';

const inline = inlineOffload({ monotonicMs: () => 0 });
const modest: Offload = { ...inline };
const world = { offload: { ...inline, modest }, lanes: null } as Partial<World> as World;

const CHANNELS: readonly (readonly [AgentChannel, boolean])[] = [
  [{ kind: 'serial', device: '/dev/vport1p1' }, true],
  [{ kind: 'stdio' }, true],
  [{ kind: 'listen', host: '0.0.0.0', port: 7411 }, true],
  [{ kind: 'listen', host: '127.0.0.1', port: 7411 }, false],
  [{ kind: 'tcp', host: '10.0.2.2', port: 7411, token: null }, true],
  [{ kind: 'tcp', host: '::1', port: 7411, token: null }, false],
  [{ kind: 'unix', path: '/run/agent' }, false],
];

for (const [channel, givesWay] of CHANNELS)
  test(`an agent on ${JSON.stringify(channel)} ${givesWay ? 'gives way' : 'shares the processors with its host'}`, () => {
    assert.equal(modestWorld(world, channel).offload === modest, givesWay);
  });

test('an agent without threads works as it can', () => {
  const plain = { ...world, offload: inline };
  assert.equal(modestWorld(plain, { kind: 'stdio' }).offload, inline);
});
