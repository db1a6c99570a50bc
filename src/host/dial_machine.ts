import { fromHex } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { VmEndpoint } from '../contract/schemas.ts';
import { dialLink } from '../link/dial.ts';
import type { Link } from '../link/link.ts';
import type { OwnKeys } from '../link/session/own_keys.ts';
import type { DialTrust, OnPinned } from '../link/session/trust.ts';
import { agentArgv } from '../vm/ssh/agent_command.ts';
import type { Endpoint } from '../world/net.ts';
import type { World } from '../world/world.ts';
import type { StoredVm } from './vm_store.ts';

export interface DialMachineParts {
  readonly keys: OwnKeys;
  /** What is known of the machine now. */
  readonly stored: () => StoredVm | undefined;
  readonly buildId: string;
  readonly incarnation: Uint8Array;
  readonly onPinned: OnPinned;
  /** See {@link Dialer}. */
  readonly onBroken: (failure: unknown, again: () => void) => void;
}

/** A link to a machine that the host reaches by itself. */
export function dialMachine(world: World, vm: StoredVm, parts: DialMachineParts): Link {
  return dialLink(world, {
    channel: endpointOf(vm, parts.keys.deviceId),
    trust: trustOf(vm, parts.onPinned),
    nextFingerprint: () => parts.stored()?.nextFingerprint ?? null,
    identity: () => parts.keys.of(parts.stored()?.hostKey),
    buildId: parts.buildId,
    incarnation: parts.incarnation,
    onBroken: parts.onBroken,
    serial: vm.endpoint.kind === 'serial',
    ...(isCommand(vm.endpoint) && { handshakeTimeoutMs: LIMITS.execHandshakeTimeoutMs.value }),
    ...(vm.endpoint.kind === 'ssh' && { reconnectMaxMs: LIMITS.sshReconnectMaxMs.value }),
  });
}

function trustOf(vm: StoredVm, onPinned: OnPinned): DialTrust {
  if (vm.trustCarrier) return { kind: 'trust-carrier' };
  if (vm.endpoint.kind !== 'tcp') return { kind: 'first-use', fingerprint: vm.fingerprint, onPinned };
  const pinned = { kind: 'pinned', fingerprint: vm.fingerprint ?? '' } as const;
  return vm.pairingSecret === null ? pinned : { ...pinned, pairingSecret: fromHex(vm.pairingSecret) };
}

function isCommand({ kind }: VmEndpoint): boolean {
  return kind === 'exec' || kind === 'ssh';
}

function endpointOf({ endpoint, trustCarrier }: StoredVm, deviceId: string): Endpoint {
  switch (endpoint.kind) {
    case 'tcp':
      return { kind: 'tcp', host: endpoint.host, port: endpoint.port };
    case 'serial':
    case 'unix':
      return { kind: 'unix', path: endpoint.path };
    case 'exec':
      return { kind: 'exec', argv: endpoint.argv };
    case 'ssh':
      return { kind: 'exec', argv: agentArgv(endpoint, deviceId, trustCarrier) };
    case 'listen':
      throw new Error('a machine that dials in is not dialled');
  }
}
