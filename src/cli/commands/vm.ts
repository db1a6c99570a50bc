import { parseHostPort } from '../../base/address.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { resolveAbsolute } from '../../base/path.ts';
import { formatBytes } from '../../base/units.ts';
import type { AddVmRequest, VmEndpoint, VmView } from '../../contract/schemas.ts';
import { parseCount } from '../option_numbers.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';
import { channelText, encryptionText, VM_HEAD, vmRow } from '../vm_text.ts';
import { keyRows } from './key.ts';

/** `causeway vm ls` */
export const vmList: Action = async (context, _args, options) => {
  if (options['discovered'] === true)
    return (await import('./vm_discover.ts')).listDiscovered(context, options);
  if (options['connect'] !== undefined || options['qmp'] !== undefined)
    throw new CausewayError('CW_USAGE', '--connect and --qmp go with --discovered');
  const { client, terminal, json } = context;
  const vms = await client.call('listVms', {});
  terminal.out(json ? `${JSON.stringify(vms)}\n` : `${table([VM_HEAD, ...vms.map(vmRow)])}\n`);
  if (!json && (vms.length === 0 || terminal.isTty))
    terminal.err('`causeway vm ls --discovered` shows the virtual machines of this host\n');
  return 0;
};

/** `causeway vm show NAME` */
export const vmShow: Action = async ({ client, terminal, json }, [name = '']) => {
  const vm = await client.call('showVm', { name });
  terminal.out(json ? `${JSON.stringify(vm)}\n` : `${details(vm)}\n`);
  return 0;
};

/** `causeway vm rm NAME [--purge]` */
export const vmRemove: Action = async (context, [name = ''], options) => {
  const { client, terminal, json } = context;
  if (options['purge'] === true) await (await import('./vm_ssh.ts')).purgeBySsh(context, name);
  const { detachFromDomain, leftInDomain } = await import('./vm_libvirt.ts');
  const isDetached = options['detach'] === true;
  if (isDetached) await detachFromDomain(context, name, options);
  const left = isDetached || json ? null : await leftInDomain(context, name);
  await client.call('removeVm', { name });
  if (left !== null) terminal.err(left);
  if (json) terminal.out(`${JSON.stringify({ removed: name })}\n`);
  return 0;
};

/** `causeway vm set NAME --weight N` */
export const vmSet: Action = async ({ client, terminal, json }, [name = ''], options) => {
  if (options['weight'] === undefined)
    throw new CausewayError('CW_USAGE', 'say what is to change: --weight N');
  const weight = parseCount(String(options['weight']), '--weight', LIMITS.weightMax.value);
  const vm = await client.call('setVm', { name }, { weight });
  terminal.out(json ? `${JSON.stringify(vm)}\n` : `${name} has the weight ${vm.weight} from now on\n`);
  return 0;
};

/** `causeway vm pair NAME` */
export const vmPair: Action = async ({ client, terminal, json }, [name = ''], options) => {
  const addresses = (options['address'] as string[] | undefined) ?? [];
  for (const address of addresses) parseHostPort(address, '--address', 'dial');
  const view = await client.call('pairVm', { name }, { addresses });
  if (json) terminal.out(`${JSON.stringify(view)}\n`);
  else
    terminal.out(
      `${view.token}\n\nRun in the machine, within 15 minutes:\n  causeway-agent run --tcp HOST:PORT --token ${view.token}\n`,
    );
  return 0;
};

/** `causeway vm add NAME …` */
export const vmAdd: Action = async (context, [name = ''], options) => {
  const { client, terminal, json } = context;
  if (options['ssh'] !== undefined) return (await import('./vm_ssh.ts')).addBySsh(context, name, options);
  refuseWithoutSsh(options);
  if (options['libvirt'] !== undefined)
    return (await import('./vm_libvirt.ts')).addByLibvirt(context, name, options);
  for (const stray of ['connect', 'socket', 'dryRun'])
    if (options[stray] !== undefined)
      throw new CausewayError('CW_USAGE', '--connect, --socket and --dry-run go with --libvirt');
  const request: AddVmRequest = { name, endpoint: endpointOf(options, terminal.cwd) };
  if (options['token'] !== undefined) request.token = String(options['token']);
  if (options['trustCarrier'] === true) request.trustCarrier = true;
  const vm = await client.call('addVm', {}, request);
  terminal.out(json ? `${JSON.stringify(vm)}\n` : `added ${name}: ${channelText(vm.endpoint)}\n`);
  return 0;
};

function refuseWithoutSsh(options: Record<string, unknown>): void {
  const stray = ['identity', 'sshOption', 'agentDir'].filter((name) => options[name] !== undefined);
  if (stray.length > 0)
    throw new CausewayError('CW_USAGE', '--identity, --ssh-option and --agent-dir go with --ssh');
}

function endpointOf(options: Record<string, unknown>, cwd: string): VmEndpoint {
  const found: VmEndpoint[] = [];
  if (options['tcp'] !== undefined)
    found.push({ kind: 'tcp', ...parseHostPort(String(options['tcp']), '--tcp', 'dial') });
  if (options['serial'] !== undefined)
    found.push({ kind: 'serial', path: resolveAbsolute(cwd, String(options['serial'])) });
  if (options['unix'] !== undefined)
    found.push({ kind: 'unix', path: resolveAbsolute(cwd, String(options['unix'])) });
  if (options['exec'] !== undefined)
    found.push({ kind: 'exec', argv: ['/bin/sh', '-c', `exec ${String(options['exec'])}`] });
  if (options['listen'] === true) found.push({ kind: 'listen' });
  const [endpoint, another] = found;
  if (!endpoint || another)
    throw new CausewayError(
      'CW_USAGE',
      'say how the machine is reached with one of --ssh, --libvirt, --tcp, --serial, --unix, --exec, --listen',
    );
  return endpoint;
}

function details(vm: VmView): string {
  const rows = [
    ['name', vm.name],
    ['state', vm.state],
    ['channel', channelText(vm.endpoint)],
    ['encryption', encryptionText(vm)],
    ['weight', String(vm.weight)],
    ['key', vm.fingerprint ?? 'none pinned yet'],
    ...keyRows(vm),
    [
      'agent',
      vm.peer
        ? `${vm.peer.buildId} on ${vm.peer.hostName} (${vm.peer.platform}), protocol ${vm.peer.protocolVersion}`
        : '-',
    ],
    ['round trip', vm.roundTripMs === null ? '-' : `${vm.roundTripMs.toFixed(2)} ms`],
    ['sent', `${formatBytes(vm.sentBytes)}, of these again ${formatBytes(vm.resentBytes)}`],
    ['received', formatBytes(vm.receivedBytes)],
    ['reconnects', String(vm.reconnects)],
  ];
  if (vm.error) rows.push(['error', `${vm.error.message} (${vm.error.code})`], ['what to do', vm.error.help]);
  return table(rows);
}
