import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from '../../src/guest/agent.ts';
import type { RpcHandler } from '../../src/link/rpc.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { until } from '../interop/rig.ts';
import type { DaemonRig } from './rig.ts';

const DEADLINE_MS = 20_000;

/** An agent in this process, added to the daemon and connected; close it before the daemon. `methods` take the place of its own. */
export async function addMachine(
  rig: DaemonRig,
  name: string,
  methods: Readonly<Record<string, RpcHandler>> = {},
): Promise<Agent> {
  const dataDirectory = join(rig.folder, `agent-${name}`);
  mkdirSync(dataDirectory);
  const agent = await Agent.start({
    world: createNodeWorld(),
    dataDirectory,
    buildId: 'test',
    channel: { kind: 'listen', host: '127.0.0.1', port: 0 },
    trustCarrier: false,
    methods: () => methods,
    log: () => undefined,
  });
  const [host = '', port] = (agent.ready.address ?? '').split(':');
  const endpoint = { kind: 'tcp', host, port: Number(port) } as const;
  await rig.socket.call('addVm', {}, { name, endpoint, token: agent.ready.token ?? '' });
  await until(`${name} is connected`, DEADLINE_MS, async () => {
    const { state } = await rig.socket.call('showVm', { name });
    return state === 'up' ? true : null;
  });
  return agent;
}
