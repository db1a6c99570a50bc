import { CACHE_FAMILIES } from './cache_families.ts';
import { DAEMON_FAMILIES } from './daemon_families.ts';
import type { FamilySpec } from './family.ts';
import { JOB_FAMILIES } from './job_families.ts';
import { LEASE_FAMILIES } from './lease_families.ts';
import { LINK_FAMILIES } from './link_families.ts';

/** Every metric that the daemon tells. docs/metrics.md is generated from it. */
export const FAMILIES = {
  ...JOB_FAMILIES,
  ...LINK_FAMILIES,
  ...CACHE_FAMILIES,
  ...LEASE_FAMILIES,
  ...DAEMON_FAMILIES,
};

export type FamilyName = keyof typeof FAMILIES;

/** A value for each label of the family. */
export type LabelsOf<N extends FamilyName> = Readonly<Record<(typeof FAMILIES)[N]['labels'][number], string>>;

type Named<K extends FamilySpec['kind']> = {
  [N in FamilyName]: (typeof FAMILIES)[N]['kind'] extends K ? N : never;
}[FamilyName];

export type CounterName = Named<'counter'>;
export type HistogramName = Named<'histogram'>;
