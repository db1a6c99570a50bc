import type { AgentBuild } from '../vm/agent_build.ts';
import { agentModule, forgetOtherParts, ownRuntime, packPart } from '../world/node/agent_parts.ts';

/** A build on trial that was started so often without a link is given up. */
const TRIAL_STARTS = 5;

/**
 * Runs the build in whose folder it lies. While that is on trial, its starts are counted: an agent that gets a link
 * ends the trial, and where none has come after a few starts, the build before is made the current one again, so that
 * a host that is gone by then is no reason to be without an agent. A user's NODE_OPTIONS are for another Node; the flags are those of
 * bin/causeway-agent.
 */
const LAUNCHER = `#!/bin/sh
# Runs this build of Causeway's agent with the Node that came with it.
here=$(CDPATH= cd -P "\${0%/*}" && pwd -P) || exit 1
read -r runtime <"$here/runtime" || exit 1
base=\${here%/*}
if read -r build former starts 2>/dev/null <"$base/trial" && [ "$build" = "\${here##*/}" ]; then
  case "$*" in *--version*) ;; *)
    starts=$((starts + 1))
    if [ "$starts" -gt ${TRIAL_STARTS} ] && [ -x "$base/$former/causeway-agent" ]; then
      rm -f "$base/.current.$$" && ln -s "$former" "$base/.current.$$" && mv -fT "$base/.current.$$" "$base/current"
      rm -f "$base/trial"
      exec "$base/$former/causeway-agent" "$@"
    fi
    echo "$build $former $starts" >"$base/.trial.$$" && mv -f "$base/.trial.$$" "$base/trial"
    export CAUSEWAY_AGENT_TRIAL="$base/trial" ;;
  esac
fi
unset NODE_OPTIONS
export NODE_COMPILE_CACHE="$here/../code"
export MALLOC_ARENA_MAX="\${MALLOC_ARENA_MAX:-2}"
export CAUSEWAY_AGENT_BUILD="\${here##*/}"
exec "$here/../$runtime/node" --disable-warning=ExperimentalWarning --max-semi-space-size=4 \\
  --heap-growing-percent=50 "$here/causeway-agent.mjs" "$@"
`;

export interface AgentSource {
  readonly version: string;
  /** A built agent to be used in place of that of this program; absolute. */
  readonly modulePath?: string;
}

/** What a machine gets from this host; packed into `folder` once for each content. CW_AGENT_BUILD. */
export async function makeAgentBuild(folder: string, source: AgentSource): Promise<AgentBuild> {
  const { path, version: nodeVersion, arch } = ownRuntime();
  const runtime = await packPart(folder, `node-${nodeVersion}-${arch}`, [
    { name: 'node', mode: 0o755, content: { path } },
  ]);
  const agent = await packPart(folder, source.version, [
    { name: 'causeway-agent', mode: 0o755, content: Buffer.from(LAUNCHER) },
    { name: 'causeway-agent.mjs', mode: 0o644, content: await agentModule(folder, source.modulePath) },
    { name: 'runtime', mode: 0o644, content: Buffer.from(`${runtime.id}\n`) },
  ]);
  forgetOtherParts(folder, [runtime.id, agent.id]);
  return { runtime, agent };
}
