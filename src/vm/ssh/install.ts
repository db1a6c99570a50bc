import { CausewayError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import type { AgentBuild, AgentPart } from '../agent_build.ts';
import { readFacts } from './machine_facts.ts';
import type { Remote } from './remote.ts';
import { ACTIVATE_SCRIPT, PROBE_SCRIPT, PURGE_SCRIPT, RECEIVE_SCRIPT } from './remote_scripts.ts';
import { sshText } from './ssh_command.ts';

export interface InstallRequest {
  /** Asked for once the machine is known to take it. */
  readonly build: () => Promise<AgentBuild>;
  /** What the build is for, as in `process.arch`. */
  readonly architecture: string;
  /** Absolute; null: `/opt/causeway/agent` for root, else `~/.local/share/causeway/agent`. */
  readonly agentDirectory: string | null;
  readonly onStep: (text: string) => void;
}

export interface Installed {
  readonly agentDirectory: string;
  readonly version: string;
  /** Id of the build that is the current one now. */
  readonly build: string;
  readonly sentBytes: number;
}

/** Brings this build to the machine, as far as it is not there, and makes it the current one. CW_SSH_*, CW_AGENT_*. */
export async function installAgent(remote: Remote, request: InstallRequest): Promise<Installed> {
  const { onStep } = request;
  const where = sshText(remote.target);
  const said = await remote.call({ script: PROBE_SCRIPT, args: [request.agentDirectory ?? ''] });
  const facts = readFacts(said, where, request.architecture);
  const { agentDirectory } = facts;
  const build = await request.build();
  const absent = [build.runtime, build.agent].filter(({ id }) => !facts.have.includes(id));
  const needed = absent.reduce((sum, part) => sum + part.archiveBytes + part.unpackedBytes, 0);
  if (facts.freeBytes < needed)
    throw new CausewayError(
      'CW_AGENT_PLACE',
      `${agentDirectory} of ${where} has ${formatBytes(facts.freeBytes)} free, and ${formatBytes(needed)} are needed`,
    );
  for (const part of absent) await send(remote, part, { agentDirectory, onStep });
  const done = await remote.call({ script: ACTIVATE_SCRIPT, args: [agentDirectory, build.agent.id] });
  const sentBytes = absent.reduce((sum, part) => sum + part.archiveBytes, 0);
  return { agentDirectory, version: done.get('version')?.[0] ?? '', build: build.agent.id, sentBytes };
}

async function send(
  remote: Remote,
  part: AgentPart,
  { agentDirectory, onStep }: { agentDirectory: string; onStep: (text: string) => void },
): Promise<void> {
  onStep(`sending ${part.id} (${formatBytes(part.archiveBytes)}) …`);
  await remote.call({
    script: RECEIVE_SCRIPT,
    args: [agentDirectory, part.id, part.sha256],
    inputFile: part.archivePath,
  });
}

/** Removes what was installed and what the agent kept of this host; the folder, where other hosts use the agent too. */
export async function purgeAgent(
  remote: Remote,
  { agentDirectory, stateName }: { agentDirectory: string; stateName: string },
): Promise<{ readonly keptFor: string | null }> {
  const said = await remote.call({ script: PURGE_SCRIPT, args: [agentDirectory, stateName] });
  return { keptFor: said.get('kept')?.[0] ?? null };
}
