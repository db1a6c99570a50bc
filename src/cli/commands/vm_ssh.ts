import { CausewayError, fromReport } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { joinAbsolute, resolveAbsolute } from '../../base/path.ts';
import { formatBytes } from '../../base/units.ts';
import type { SshEndpoint, VmView } from '../../contract/schemas.ts';
import { makeAgentBuild } from '../../host/agent_build.ts';
import type { AgentBuild } from '../../vm/agent_build.ts';
import { stateNameOf } from '../../vm/ssh/agent_command.ts';
import { installAgent, purgeAgent } from '../../vm/ssh/install.ts';
import { Remote } from '../../vm/ssh/remote.ts';
import { checkSshOption, parseSshTarget, type SshTarget, sshText } from '../../vm/ssh/ssh_command.ts';
import { ownRuntime } from '../../world/node/agent_parts.ts';
import { createNodeClock } from '../../world/node/clock.ts';
import { runNodeCommand } from '../../world/node/command.ts';
import type { Context } from '../program.ts';
import { VERSION } from '../version.ts';

/** Below the daemon's data: what is sent to machines, packed. */
const PARTS_FOLDER = 'agent-parts';
const LOOK_EVERY_MS = 100;

/** What machines get from this host, or with that built agent. */
export function ownBuild(dataDirectory: string, modulePath?: string): Promise<AgentBuild> {
  const source = { version: VERSION, ...(modulePath === undefined ? {} : { modulePath }) };
  return makeAgentBuild(joinAbsolute(dataDirectory, PARTS_FOLDER), source);
}

/** `causeway vm add NAME --ssh [USER@]HOST[:PORT]` */
export async function addBySsh(
  context: Context,
  name: string,
  options: Record<string, unknown>,
): Promise<number> {
  const { client, terminal, json } = context;
  const target = targetOf(options, terminal.cwd);
  const directory = options['agentDir'] === undefined ? null : String(options['agentDir']);
  if (directory !== null && !/^\/[^\0-\x1f]*$/.test(directory))
    throw new CausewayError('CW_USAGE', '--agent-dir takes an absolute path of the machine');
  if ((await client.call('listVms', {})).some((vm) => vm.name === name))
    throw new CausewayError('CW_VM_EXISTS', `there is a machine ${name} already`);
  const onStep = (text: string) => terminal.err(`${text}\n`);
  const remote = new Remote(target, runNodeCommand, terminal.interrupted);
  const installed = await installAgent(remote, {
    build: () => ownBuild(context.dataDirectory),
    architecture: ownRuntime().arch,
    agentDirectory: directory,
    onStep,
  });
  const { agentDirectory, sentBytes } = installed;
  const endpoint: SshEndpoint = { kind: 'ssh', ...target, agentDirectory };
  const trustCarrier = options['trustCarrier'] === true;
  await client.call('addVm', {}, { name, endpoint, ...(trustCarrier ? { trustCarrier } : {}) });
  const vm = await linked(context, name);
  if (json) terminal.out(`${JSON.stringify({ ...vm, installed })}\n`);
  else {
    const sent = sentBytes === 0 ? 'nothing had to be sent' : `${formatBytes(sentBytes)} sent`;
    terminal.out(
      `added ${name}: ssh ${sshText(target)}, agent ${installed.build} in ${agentDirectory}, ${sent}\n`,
    );
  }
  return 0;
}

/** Removes what {@link addBySsh} has installed; the machine itself stays known. */
export async function purgeBySsh({ client, terminal }: Context, name: string): Promise<void> {
  const { endpoint } = await client.call('showVm', { name });
  if (endpoint.kind !== 'ssh')
    throw new CausewayError('CW_USAGE', `the agent of ${name} was not installed by \`vm add --ssh\``);
  const { deviceId } = await client.call('status', {});
  const remote = new Remote(endpoint, runNodeCommand, terminal.interrupted);
  const { agentDirectory } = endpoint;
  const { keptFor } = await purgeAgent(remote, { agentDirectory, stateName: stateNameOf(deviceId) });
  if (keptFor !== null)
    terminal.err(
      `the agent in ${agentDirectory} of ${sshText(endpoint)} stays: another host uses it (${keptFor})\n`,
    );
}

function targetOf(options: Record<string, unknown>, cwd: string): SshTarget {
  for (const other of ['tcp', 'serial', 'unix', 'exec', 'listen', 'token'])
    if (options[other] !== undefined)
      throw new CausewayError('CW_USAGE', `--${other} does not go with --ssh: one way is enough`);
  const target = parseSshTarget(String(options['ssh']));
  const wanted = ((options['sshOption'] as string[] | undefined) ?? []).map(checkSshOption);
  const identity =
    options['identity'] === undefined ? null : resolveAbsolute(cwd, String(options['identity']));
  return {
    ...target,
    ...(identity === null ? {} : { identity }),
    ...(wanted.length === 0 ? {} : { options: wanted }),
  };
}

/** The machine once its link is up; why it is not, where that does not come. */
async function linked({ client, terminal }: Context, name: string): Promise<VmView> {
  const clock = createNodeClock();
  const endMs = clock.monotonicMs() + LIMITS.commandTimeoutMs.value;
  for (;;) {
    const vm = await client.call('showVm', { name });
    if (vm.state === 'up') return vm;
    if (vm.state === 'failed' && vm.error !== null) throw fromReport(vm.error);
    if (clock.monotonicMs() > endMs) {
      const why = vm.error === null ? '' : `: ${vm.error.message}`;
      throw new CausewayError('CW_VM_OFFLINE', `${name} is added, and the link to it is not up yet${why}`);
    }
    await clock.sleep(LOOK_EVERY_MS, terminal.interrupted);
  }
}
