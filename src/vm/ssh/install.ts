import { CausewayError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import type { AgentBuild, AgentPart } from '../agent_build.ts';
import { type MachineFacts, readFacts } from './machine_facts.ts';
import type { Remote } from './remote.ts';
import {
  ACTIVATE_SCRIPT,
  PROBE_SCRIPT,
  PURGE_SCRIPT,
  RECEIVE_SCRIPT,
  RESTART_SCRIPT,
  ROLL_BACK_SCRIPT,
} from './remote_scripts.ts';
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

/** What a machine has of a build, before anything is changed. */
export interface Comparison {
  readonly current: string | null;
  readonly wanted: string;
  readonly absentBytes: number;
}

export interface Installed {
  readonly agentDirectory: string;
  readonly version: string;
  /** Id of the build that is the current one now. */
  readonly build: string;
  /** The build that was the current one before; null where there was none. */
  readonly former: string | null;
  readonly sentBytes: number;
}

/** Looks what {@link installAgent} would do. The same errors. */
export async function compareAgent(remote: Remote, request: InstallRequest): Promise<Comparison> {
  const { facts, build, absent } = await look(remote, request);
  return {
    current: facts.current,
    wanted: build.agent.id,
    absentBytes: absent.reduce((sum, part) => sum + part.archiveBytes, 0),
  };
}

async function look(
  remote: Remote,
  request: InstallRequest,
): Promise<{ facts: MachineFacts; build: AgentBuild; absent: AgentPart[] }> {
  const said = await remote.call({ script: PROBE_SCRIPT, args: [request.agentDirectory ?? ''] });
  const facts = readFacts(said, sshText(remote.target), request.architecture);
  const build = await request.build();
  const absent = [build.runtime, build.agent].filter(({ id }) => !facts.have.includes(id));
  return { facts, build, absent };
}

/** Brings this build to the machine, as far as it is not there, and makes it the current one. CW_SSH_*, CW_AGENT_*. */
export async function installAgent(remote: Remote, request: InstallRequest): Promise<Installed> {
  const { onStep } = request;
  const where = sshText(remote.target);
  const { facts, build, absent } = await look(remote, request);
  const { agentDirectory } = facts;
  const needed = absent.reduce((sum, part) => sum + part.archiveBytes + part.unpackedBytes, 0);
  if (facts.freeBytes < needed)
    throw new CausewayError(
      'CW_AGENT_PLACE',
      `${agentDirectory} of ${where} has ${formatBytes(facts.freeBytes)} free, and ${formatBytes(needed)} are needed`,
    );
  for (const part of absent) await send(remote, part, { agentDirectory, onStep });
  const done = await remote.call({ script: ACTIVATE_SCRIPT, args: [agentDirectory, build.agent.id] });
  const sentBytes = absent.reduce((sum, part) => sum + part.archiveBytes, 0);
  const version = done.get('version')?.[0] ?? '';
  return {
    agentDirectory,
    version,
    build: build.agent.id,
    former: done.get('former')?.[0] || null,
    sentBytes,
  };
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

/** Ends the agents that serve this host: the next link starts the build that is the current one then. */
export async function restartAgent(
  remote: Remote,
  { agentDirectory, stateName }: { agentDirectory: string; stateName: string },
): Promise<void> {
  await remote.call({ script: RESTART_SCRIPT, args: [agentDirectory, stateName] });
}

/** Makes the build before the current one again. */
export async function rollBackAgent(
  remote: Remote,
  { agentDirectory, build, former }: { agentDirectory: string; build: string; former: string },
): Promise<void> {
  await remote.call({ script: ROLL_BACK_SCRIPT, args: [agentDirectory, build, former] });
}
