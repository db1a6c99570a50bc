import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { resolveAbsolute } from '../../base/path.ts';
import { formatBytes } from '../../base/units.ts';
import type { UpdateVmRequest } from '../../contract/machine_schemas.ts';
import type { SshEndpoint, VmView } from '../../contract/schemas.ts';
import { stateNameOf } from '../../vm/ssh/agent_command.ts';
import {
  compareAgent,
  type Installed,
  type InstallRequest,
  installAgent,
  restartAgent,
  rollBackAgent,
} from '../../vm/ssh/install.ts';
import { Remote } from '../../vm/ssh/remote.ts';
import { ownRuntime } from '../../world/node/agent_parts.ts';
import { createNodeClock } from '../../world/node/clock.ts';
import { runNodeCommand } from '../../world/node/command.ts';
import type { Action, Context } from '../program.ts';
import { ownBuild } from './vm_ssh.ts';

const LOOK_EVERY_MS = 100;

/** What became of the agent of a machine. */
interface Outcome {
  readonly name: string;
  readonly from: string | null;
  readonly to: string;
  readonly sentBytes: number;
  readonly state: 'current' | 'would be updated' | 'updated';
}

/** `causeway vm update NAME | --all` */
export const vmUpdate: Action = async (context, [name], options) => {
  const { client, terminal, json } = context;
  const all = options['all'] === true;
  if (all === (name !== undefined && name !== '')) throw new CausewayError('CW_USAGE', 'say NAME or --all');
  const vms = all ? await client.call('listVms', {}) : [await client.call('showVm', { name: name! })];
  let code = 0;
  const outcomes: (Outcome | { name: string; error: object })[] = [];
  for (const vm of vms) {
    try {
      const isSsh = vm.endpoint.kind === 'ssh';
      const outcome = await (isSsh ? updateBySsh : updateByLink)(context, vm, options);
      outcomes.push(outcome);
      if (!json) terminal.out(`${textOf(outcome)}\n`);
    } catch (failure) {
      if (!all) throw failure;
      const error = asCausewayError(failure);
      outcomes.push({ name: vm.name, error: error.report() });
      if (!json) terminal.err(`${vm.name}: ${error.message}\n  ${error.help}\n  (${error.code})\n`);
      code = 3;
    }
  }
  if (json) terminal.out(`${JSON.stringify(all ? outcomes : outcomes[0])}\n`);
  return code;
};

/** The daemon brings it, signed with its own key. */
function updateByLink(
  { client, terminal }: Context,
  { name }: VmView,
  options: Record<string, unknown>,
): Promise<Outcome> {
  const named = options['agentModule'];
  const request: UpdateVmRequest = {};
  if (named !== undefined) request.modulePath = resolveAbsolute(terminal.cwd, String(named));
  for (const flag of ['dryRun', 'now', 'allowDowngrade'] as const)
    if (options[flag] === true) request[flag] = true;
  return client.call('updateVm', { name }, request);
}

async function updateBySsh(context: Context, vm: VmView, options: Record<string, unknown>): Promise<Outcome> {
  const { client, terminal } = context;
  const endpoint = vm.endpoint as SshEndpoint;
  const { agentDirectory } = endpoint;
  const remote = new Remote(endpoint, runNodeCommand, terminal.interrupted);
  const request = requestOf(context, endpoint, options);
  const { current, wanted, absentBytes } = await compareAgent(remote, request);
  const about = { name: vm.name, from: current, to: wanted };
  if (options['dryRun'] === true)
    return { ...about, sentBytes: absentBytes, state: current === wanted ? 'current' : 'would be updated' };
  if (current === wanted && absentBytes === 0 && vm.peer?.buildId === wanted)
    return { ...about, sentBytes: 0, state: 'current' };
  if (options['now'] !== true) await refuseWhileCopying(context, vm.name);
  const { deviceId } = await client.call('status', {});
  const installed = await installAgent(remote, request);
  await restartAgent(remote, { agentDirectory, stateName: stateNameOf(deviceId) });
  const failure = await trial(context, vm, installed);
  if (failure !== null) throw await rolledBack(remote, installed, failure);
  return { ...about, sentBytes: installed.sentBytes, state: 'updated' };
}

function requestOf(
  context: Context,
  { agentDirectory }: SshEndpoint,
  options: Record<string, unknown>,
): InstallRequest {
  const { terminal, dataDirectory } = context;
  const named = options['agentModule'];
  const modulePath = named === undefined ? undefined : resolveAbsolute(terminal.cwd, String(named));
  return {
    build: () => ownBuild(dataDirectory, modulePath),
    architecture: ownRuntime().arch,
    agentDirectory,
    onStep: (text) => terminal.err(`${text}\n`),
  };
}

async function refuseWhileCopying({ client }: Context, name: string): Promise<void> {
  const { activeJobs } = await client.call('status', {});
  const busy = activeJobs.find((job) => job.vm === name || job.fromVm === name);
  if (busy) throw new CausewayError('CW_AGENT_BUSY', `the copy ${busy.id} runs with ${name}`);
}

/** Waits for a link to the new build; why there is none, after LIMITS.agentTrialMs or once the former one is back. */
async function trial(
  { client, terminal }: Context,
  { name, sinceMs: beforeMs }: VmView,
  { build, former }: Installed,
): Promise<CausewayError | null> {
  const clock = createNodeClock();
  const endMs = clock.monotonicMs() + LIMITS.agentTrialMs.value;
  for (;;) {
    const { state, peer, error, sinceMs } = await client.call('showVm', { name });
    if (state === 'up' && peer?.buildId === build) return null;
    const isBack = state === 'up' && peer?.buildId === former && sinceMs > beforeMs;
    if (isBack || clock.monotonicMs() > endMs) {
      const why = isBack
        ? 'the machine has gone back by itself'
        : (error?.message ?? `the link is ${state}, to ${peer?.buildId ?? 'no agent'}`);
      return new CausewayError('CW_AGENT_ROLLED_BACK', `${name} was not linked with ${build}: ${why}`);
    }
    await clock.sleep(LOOK_EVERY_MS, terminal.interrupted);
  }
}

/** Where it cannot be rolled back from here, the agent does so by itself after a few starts without a link. */
async function rolledBack(
  remote: Remote,
  { agentDirectory, build, former }: Installed,
  failure: CausewayError,
): Promise<CausewayError> {
  if (former === null || former === build) return failure;
  await rollBackAgent(remote, { agentDirectory, build, former });
  return new CausewayError(failure.code, `${failure.message}. It has ${former} again`);
}

function textOf({ name, from, to, sentBytes, state }: Outcome): string {
  if (state === 'current') return `${name} has ${to} already`;
  const what = state === 'updated' ? 'updated' : 'would be updated';
  const sent = state === 'updated' ? 'sent' : 'to send';
  return `${name} ${what} from ${from ?? 'none'} to ${to}, ${formatBytes(sentBytes)} ${sent}`;
}
