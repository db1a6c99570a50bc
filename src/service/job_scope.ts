import { decide } from '../access/rights/decide.ts';
import type { Resource } from '../access/rights/scope.ts';
import { CausewayError } from '../base/errors.ts';
import type { JobView, StartJobRequest } from '../contract/schemas.ts';
import type { Caller } from './caller.ts';
import type { ServiceParts } from './ports.ts';

type Copy = Pick<JobView, 'direction' | 'sources' | 'destination' | 'fromVm' | 'vm' | 'upload'> &
  Pick<StartJobRequest, 'linkDest'>;

/** The paths that a copy touches, each on its machine or on the host. */
export function pathsOf({ direction, sources, destination, linkDest, fromVm, vm, upload }: Copy): Resource[] {
  const from = direction === 'in' ? null : direction === 'out' ? vm : (fromVm ?? '');
  const to = direction === 'out' ? null : vm;
  return [
    // what was uploaded lies in no folder that anybody has rights to: it is its owner's
    ...(upload === undefined ? sources.map((path) => ({ kind: 'path', vm: from, path }) as const) : []),
    { kind: 'path', vm: to, path: destination },
    ...(linkDest === undefined ? [] : [{ kind: 'path', vm: to, path: linkDest } as const]),
  ];
}

/** How a record names a copy. */
export function copyName({ direction, destination, vm }: Copy): string {
  return direction === 'out' ? `host:${destination}` : `vm:${vm}:${destination}`;
}

/** Whether the caller may look at the job. */
export function maySee(parts: Pick<ServiceParts, 'clock'>, caller: Caller, job: JobView): boolean {
  const now = { nowMs: parts.clock.wallMs(), address: caller.address };
  return decide(caller.principal, 'job.read', pathsOf(job), now).allowed;
}

/** A job that the caller may look at. CW_JOB_UNKNOWN for any other, whether it exists or not. */
export async function visibleJob(parts: ServiceParts, caller: Caller, id: string): Promise<JobView> {
  const job = await parts.jobs.show(id);
  if (!maySee(parts, caller, job)) throw new CausewayError('CW_JOB_UNKNOWN', `there is no job ${id}`);
  return job;
}
