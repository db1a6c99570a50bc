import type { JobView, StatusView, VmView } from '../../contract/schemas.ts';

/** The status with a newer view of a job: one that has ended is not among the active ones. */
export function withJob(status: StatusView, job: JobView): StatusView {
  const others = status.activeJobs.filter((one) => one.id !== job.id);
  if (job.endedAtMs !== null) return { ...status, activeJobs: others };
  const isKnown = others.length < status.activeJobs.length;
  const activeJobs = isKnown
    ? status.activeJobs.map((one) => (one.id === job.id ? job : one))
    : [job, ...status.activeJobs];
  return { ...status, activeJobs };
}

/** The status with a newer view of a machine, or with one more. */
export function withMachine(status: StatusView, vm: VmView): StatusView {
  const isKnown = status.vms.some((one) => one.name === vm.name);
  const vms = isKnown ? status.vms.map((one) => (one.name === vm.name ? vm : one)) : [...status.vms, vm];
  return { ...status, vms };
}

export function withoutMachine(status: StatusView, name: string): StatusView {
  return { ...status, vms: status.vms.filter((one) => one.name !== name) };
}
