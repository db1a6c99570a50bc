import type { World } from '../world/world.ts';
import type { AgentChannel } from './agent.ts';

const OWN_HOST = /^(localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/;

/**
 * The world that copies and their lanes work in, on the machine of an agent: their threads give way to what that machine is
 * there for. Not where its host is the same machine, over a Unix socket or the loopback address: both ends of a copy then
 * share its processors, and one of them giving way would only hold the other one up.
 */
export function modestWorld(world: World, channel: AgentChannel): World {
  if (!isApart(channel)) return world;
  const { offload, lanes } = world;
  return { ...world, offload: offload.modest ?? offload, lanes: lanes?.modest ?? lanes ?? null };
}

/** Whether its host is another machine. */
export function isApart(channel: AgentChannel): boolean {
  if (channel.kind === 'unix') return false;
  return channel.kind === 'listen' || channel.kind === 'tcp' ? !OWN_HOST.test(channel.host) : true;
}
