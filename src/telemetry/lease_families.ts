import { counter, type FamilySpec, gauge, histogram } from './family.ts';

/** As src/cache/lease counts them: seconds. */
const WAIT_SECONDS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10, 30];

/** Leases that mounts of shares have on files of this host, as `machine:place`. Counts since a mount is served. */
export const LEASE_FAMILIES = {
  causeway_lease_held: gauge('Leases that a mount has.', null, ['mount']),
  causeway_lease_granted: counter('Leases that a mount was given.', null, ['mount']),
  causeway_lease_broken: counter(
    'Leases that a mount let go of before somebody changed the file, or read what was on its way.',
    null,
    ['mount'],
  ),
  causeway_lease_recalled: counter(
    'Leases that a mount let go of after the file was changed by somebody who waits for nobody.',
    null,
    ['mount'],
  ),
  causeway_lease_fenced: counter(
    'Leases that were taken away since the machine did not let go in time.',
    null,
    ['mount'],
  ),
  causeway_lease_wait_seconds: histogram(
    'How long programs of a mount waited until other mounts had let go of a file.',
    WAIT_SECONDS,
    ['mount'],
  ),
} as const satisfies Record<string, FamilySpec>;
