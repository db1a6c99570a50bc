import { counter, type FamilySpec, gauge } from './family.ts';

const VM = ['vm'] as const;

/** Machines and the links to them. */
export const LINK_FAMILIES = {
  causeway_vms: gauge('Machines by the state of their links.', null, ['state']),
  causeway_link_up: gauge('1 while the link to the machine works.', null, VM),
  causeway_link_state_seconds: gauge('For how long the link has been in its state.', 'seconds', [
    'vm',
    'state',
  ]),
  causeway_link_round_trip_seconds: gauge('Last round trip to the machine.', 'seconds', VM),
  causeway_link_unanswered_seconds: gauge(
    'For how long a heartbeat to the machine has had no answer; 0 where none is due.',
    'seconds',
    VM,
  ),
  causeway_link_reconnects: counter('Times that a link found its machine again.', null, VM),
  causeway_link_sent_bytes: counter('Bytes given to the link, framing and repeats included.', 'bytes', VM),
  causeway_link_resent_bytes: counter('Of these, bytes sent again after a cut.', 'bytes', VM),
  causeway_link_received_bytes: counter('Bytes that arrived by the link.', 'bytes', VM),
  causeway_link_send_seconds: counter('Time that writes to the link held up the main thread.', 'seconds', VM),
  causeway_link_in_flight_bytes: gauge('Bytes sent and not acknowledged.', 'bytes', VM),
  causeway_link_window_bytes: gauge('Bytes that may be sent and not acknowledged.', 'bytes', VM),
  causeway_link_streams: gauge('Open streams of the link, by kind.', null, ['vm', 'kind']),
  causeway_lanes: gauge('Lanes of copies that are open to the machine.', null, VM),
} as const satisfies Record<string, FamilySpec>;
