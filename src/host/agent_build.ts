import type { AgentBuild } from '../vm/agent_build.ts';
import { agentModule, forgetOtherParts, ownRuntime, packPart } from '../world/node/agent_parts.ts';

/**
 * Runs the build in whose folder it lies. A user's NODE_OPTIONS are for another Node; the flags are those of
 * bin/causeway-agent.
 */
const LAUNCHER = `#!/bin/sh
# Runs this build of Causeway's agent with the Node that came with it.
here=$(CDPATH= cd -P "\${0%/*}" && pwd -P) || exit 1
read -r runtime <"$here/runtime" || exit 1
unset NODE_OPTIONS
export NODE_COMPILE_CACHE="$here/../code"
export CAUSEWAY_AGENT_BUILD="\${here##*/}"
exec "$here/../$runtime/node" --disable-warning=ExperimentalWarning --max-semi-space-size=8 \\
  --heap-growing-percent=100 "$here/causeway-agent.mjs" "$@"
`;

/** What a machine gets from this host; packed into `folder` once for each content. CW_AGENT_BUILD. */
export async function makeAgentBuild(folder: string, version: string): Promise<AgentBuild> {
  const { path, version: nodeVersion, arch } = ownRuntime();
  const runtime = await packPart(folder, `node-${nodeVersion}-${arch}`, [
    { name: 'node', mode: 0o755, content: { path } },
  ]);
  const agent = await packPart(folder, version, [
    { name: 'causeway-agent', mode: 0o755, content: Buffer.from(LAUNCHER) },
    { name: 'causeway-agent.mjs', mode: 0o644, content: await agentModule(folder) },
    { name: 'runtime', mode: 0o644, content: Buffer.from(`${runtime.id}\n`) },
  ]);
  forgetOtherParts(folder, [runtime.id, agent.id]);
  return { runtime, agent };
}
