import { toHex } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { hashBytes } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { joinAbsolute } from '../base/path.ts';
import { agentModule, moduleVersion, ownRuntime } from '../world/node/agent_parts.ts';
import type { LinkBuild } from './link_updates.ts';

/** Below the daemon's data: what is made for machines. */
const PARTS_FOLDER = 'agent-parts';
const ID_DIGITS = 16;

/** The agent of this host, or the one that is named, as machines take it over their link. CW_AGENT_BUILD. */
export async function linkBuild(dataDirectory: string, modulePath?: string): Promise<LinkBuild> {
  const folder = joinAbsolute(dataDirectory, PARTS_FOLDER);
  const module = await agentModule(folder, modulePath);
  if (module.byteLength > LIMITS.agentModuleMaxBytes.value)
    throw new CausewayError('CW_AGENT_BUILD', `an agent of ${module.byteLength} bytes is too large`);
  const version = await moduleVersion(folder, module);
  const hash = hashBytes(module);
  const { arch, version: node } = ownRuntime();
  return {
    id: `${version}-${toHex(hash).slice(0, ID_DIGITS)}`,
    version,
    module,
    hash,
    platform: `linux-${arch}`,
    nodeMajor: Number(node.split('.')[0]),
  };
}
