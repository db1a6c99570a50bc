import type { VmView } from '../../contract/schemas.ts';
import type { LinkState } from '../../link/link.ts';
import type { Readings } from '../../telemetry/readings.ts';

const STATES = ['connecting', 'waiting', 'up', 'interrupted', 'failed'] as const;
const KINDS = ['rpc', 'transfer', 'lane', 'ping'] as const;

/** How many machines there are, by the state of their links. */
export function readVms(readings: Readings, views: readonly VmView[]): void {
  for (const state of STATES)
    readings.set('causeway_vms', { state }, views.filter((vm) => vm.state === state).length);
}

/** The link to one machine. Without a session there are no figures of one. */
export function readLink(readings: Readings, view: VmView, link: LinkState, nowWallMs: number): void {
  const vm = view.name;
  readings.set('causeway_link_up', { vm }, view.state === 'up' ? 1 : 0);
  const { state } = view;
  readings.set('causeway_link_state_seconds', { vm, state }, Math.max(0, nowWallMs - view.sinceMs) / 1_000);
  if (link.kind !== 'up' && link.kind !== 'interrupted') return;
  const { stats, openStreams } = link.mux;
  if (stats.roundTripMs !== null)
    readings.set('causeway_link_round_trip_seconds', { vm }, stats.roundTripMs / 1_000);
  readings.set('causeway_link_unanswered_seconds', { vm }, stats.unansweredMs / 1_000);
  readings.set('causeway_link_reconnects', { vm }, stats.reconnects);
  readings.set('causeway_link_sent_bytes', { vm }, stats.sentBytes);
  readings.set('causeway_link_resent_bytes', { vm }, stats.resentBytes);
  readings.set('causeway_link_received_bytes', { vm }, stats.receivedBytes);
  readings.set('causeway_link_send_seconds', { vm }, stats.sendMs / 1_000);
  readings.set('causeway_link_in_flight_bytes', { vm }, stats.inFlightBytes);
  readings.set('causeway_link_window_bytes', { vm }, stats.windowBytes);
  for (const kind of KINDS) readings.set('causeway_link_streams', { vm, kind }, openStreams.get(kind) ?? 0);
  readings.set('causeway_lanes', { vm }, openStreams.get('lane') ?? 0);
}
