import type { VmEndpoint, VmView } from '../contract/schemas.ts';
import { sshText } from '../vm/ssh/ssh_command.ts';
import { VERSION } from './version.ts';

export const VM_HEAD = ['NAME', 'STATE', 'CHANNEL', 'ENCRYPTION', 'ROUND TRIP', 'NOTE'] as const;

export function vmRow(vm: VmView): string[] {
  return [
    vm.name,
    vm.state,
    channelText(vm.endpoint),
    encryptionText(vm),
    vm.roundTripMs === null ? '-' : `${vm.roundTripMs.toFixed(1)} ms`,
    vm.error?.message ?? (vm.peer ? `${vm.peer.hostName} (${vm.peer.platform})${otherVersion(vm)}` : ''),
  ];
}

export function channelText(endpoint: VmEndpoint): string {
  switch (endpoint.kind) {
    case 'tcp':
      return `tcp ${endpoint.host}:${endpoint.port}`;
    case 'serial':
    case 'unix':
      return `${endpoint.kind} ${endpoint.path}`;
    case 'exec':
      return `exec ${endpoint.argv.join(' ')}`;
    case 'ssh':
      return `ssh ${sshText(endpoint)}`;
    case 'listen':
      return 'dials in';
  }
}

export function encryptionText(vm: VmView): string {
  if (vm.trustCarrier) return 'off (carrier trusted)';
  if (vm.tlsCipher === null) return '-';
  return [vm.tlsGroup, vm.tlsCipher].filter((part) => part !== null).join(' ');
}

/** Where the agent's version is not that of this program. A build has a hash behind its version. */
function otherVersion({ peer, name }: VmView): string {
  const version = peer?.buildId.split('-')[0];
  if (version === undefined || version === VERSION) return '';
  return `, agent ${version} beside ${VERSION} here: causeway vm update ${name}`;
}
