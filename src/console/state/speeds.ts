import { signal } from '@preact/signals';
import type { StatusView } from '../../contract/schemas.ts';
import { appendSample, type Series, speedBetween } from '../format/series.ts';

/** Five minutes of seconds. */
const SAMPLES_MAX = 300;

/** Bytes per second over all links, into machines and out of them. */
export const linkSpeeds = signal<Series>({ times: [], lines: [[], []] });
/** Bytes per second of each job that is running, by its id. */
export const jobSpeeds = signal<ReadonlyMap<string, Series>>(new Map());

let last: { readonly atMs: number; readonly sent: ReadonlyMap<string, readonly [number, number]> } | null =
  null;

/** Notes what one answer of the daemon says of speed. */
export function sample({ vms, activeJobs }: StatusView, atMs: number): void {
  const sent = new Map(vms.map((vm) => [vm.name, [vm.sentBytes, vm.receivedBytes] as const]));
  if (last !== null && atMs > last.atMs) {
    const speeds = speedBetween(last.sent, sent, atMs - last.atMs);
    linkSpeeds.value = appendSample(linkSpeeds.value, atMs, speeds, SAMPLES_MAX);
  }
  last = { atMs, sent };
  const next = new Map(jobSpeeds.value);
  for (const job of activeJobs) {
    const before = next.get(job.id) ?? { times: [], lines: [[]] };
    next.set(job.id, appendSample(before, atMs, [job.rateBytesPerSecond], SAMPLES_MAX));
  }
  jobSpeeds.value = next;
}
