import type { VmView } from '../contract/schemas.ts';
import type { LinkState } from '../link/link.ts';
import type { Clock } from '../world/clock.ts';
import type { StoredVm } from './vm_store.ts';

/** How a machine and its link are shown. */
export function linkView(
  vm: StoredVm,
  state: LinkState,
  clock: Clock,
): Omit<VmView, 'hostKey' | 'nextFingerprint'> {
  const mux = state.kind === 'up' || state.kind === 'interrupted' ? state.mux : null;
  const stats = mux?.stats ?? null;
  // where the machine dialled in, only its hello tells the key exchange: a TLS server does not learn it
  const tls = state.kind === 'up' ? state.peer : (stats?.peer ?? null);
  return {
    name: vm.name,
    endpoint: vm.endpoint,
    state: stateName(vm, state),
    sinceMs: 'sinceMs' in state ? state.sinceMs : clock.wallMs(),
    trustCarrier: vm.trustCarrier,
    weight: vm.weight ?? 1,
    fingerprint: stats?.peer.fingerprint ?? vm.fingerprint,
    tlsGroup: tls?.tlsGroup ?? null,
    tlsCipher: tls?.tlsCipher ?? null,
    peer: state.kind === 'up' ? peerView(state.peer) : null,
    roundTripMs: stats?.roundTripMs ?? null,
    sentBytes: stats?.sentBytes ?? 0,
    resentBytes: stats?.resentBytes ?? 0,
    receivedBytes: stats?.receivedBytes ?? 0,
    reconnects: stats?.reconnects ?? 0,
    error: errorOf(state),
  };
}

function stateName(vm: StoredVm, state: LinkState): VmView['state'] {
  if (state.kind === 'closed') return 'connecting';
  if (state.kind === 'connecting' && vm.endpoint.kind === 'listen') return 'waiting';
  return state.kind;
}

function peerView(peer: Extract<LinkState, { kind: 'up' }>['peer']): VmView['peer'] {
  const { hostName, platform, buildId, protocolVersion } = peer;
  return { hostName, platform, buildId, protocolVersion };
}

function errorOf(state: LinkState): VmView['error'] {
  if (state.kind === 'failed') return state.error.report();
  if (state.kind === 'connecting' || state.kind === 'interrupted') return state.lastError?.report() ?? null;
  return null;
}
