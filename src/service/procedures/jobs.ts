import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type {
  GroupView,
  JobPage,
  JobView,
  ListJobsRequest,
  StartGroupRequest,
  StartJobRequest,
  UndoJobRequest,
} from '../../contract/schemas.ts';
import { type Call, type Caller, ownerOf, param } from '../caller.ts';
import { copyName, maySee, pathsOf, visibleJob } from '../job_scope.ts';
import type { ServiceParts } from '../ports.ts';
import type { Details, Procedure } from '../procedure.ts';

/** Longest text of the sources of a copy in an audit record; the job itself has all of them. */
const SOURCES_CHARACTERS_MAX = 4_096;

const startJob: Procedure = {
  resources: (_parts, { body }) => pathsOf(body as StartJobRequest),
  subject: (_parts, { body }) => copyName(body as StartJobRequest),
  details: ({ body }) => copyDetails(body as StartJobRequest),
  outcome: (job) => ({ job: (job as JobView).id }),
  made: ({ jobs }, { reserved }) => jobs.show(reserved ?? '').catch(orNull),
  act: ({ jobs, uploads }, { caller, body, reserved }) => {
    const request = body as StartJobRequest;
    return withUpload(uploads, caller, request, () => jobs.start(request, reserved));
  },
};

const startGroup: Procedure = {
  resources: (_parts, { body }) => {
    const { vms, ...copy } = body as StartGroupRequest;
    return vms.flatMap((vm) => pathsOf({ ...copy, vm }));
  },
  subject: (_parts, { body }) => `vm:*:${(body as StartGroupRequest).destination}`,
  details: ({ body }) => {
    const { vms, ...copy } = body as StartGroupRequest;
    return { ...copyDetails({ ...copy, vm: '' }), vms: vms.join(' ') };
  },
  outcome: (group) => ({ group: (group as GroupView).id }),
  made: ({ groups }, { reserved }) => groups.show(`g${reserved}`).catch(orNull),
  act: ({ groups, uploads }, { caller, body, reserved }) => {
    const request = body as StartGroupRequest;
    return withUpload(uploads, caller, request, () => groups.start(request, reserved));
  },
};

const showGroup: Procedure = {
  resources: async (parts, call) => {
    const { jobs } = await parts.groups.show(param(call, 'id'));
    const [hidden] = jobs.filter((job) => !maySee(parts, call.caller, job));
    if (hidden !== undefined) await visibleJob(parts, call.caller, hidden.id);
    return jobs.flatMap(pathsOf);
  },
  act: ({ groups }, call) => groups.show(param(call, 'id')),
};

const listJobs: Procedure = {
  act: (parts, call) => visiblePage(parts, call, call.body as ListJobsRequest),
};

const undoJob = control(({ jobs }, call) =>
  jobs.undo(param(call, 'id'), (call.body ?? {}) as UndoJobRequest),
);

export const JOB_PROCEDURES = {
  listJobs,
  startJob,
  startGroup,
  showGroup,
  showJob: control(({ jobs }, call) => jobs.show(param(call, 'id'))),
  cancelJob: control(({ jobs }, call) => jobs.cancel(param(call, 'id'))),
  pauseJob: control(({ jobs }, call) => jobs.pause(param(call, 'id'))),
  resumeJob: control(({ jobs }, call) => jobs.resume(param(call, 'id'))),
  undoJob,
  interruptJob: control(({ jobs }, call) => jobs.interrupt(param(call, 'id'))),
};

/** Of an upload only who has sent it may make a copy, and one only. */
function withUpload<T>(
  uploads: ServiceParts['uploads'],
  caller: Caller,
  { upload, direction, sources }: Pick<StartJobRequest, 'upload' | 'direction' | 'sources'>,
  work: () => Promise<T>,
): Promise<T> {
  if (upload === undefined) return work();
  if (direction !== 'in')
    throw new CausewayError('CW_USAGE', 'what was uploaded is copied into a machine, and nowhere else');
  return uploads.copy(ownerOf(caller), upload, sources, work);
}

function orNull(failure: unknown): null {
  if (asCausewayError(failure).code === 'CW_JOB_UNKNOWN') return null;
  throw failure;
}

/** About one job: what it touches is decided on. */
function control(act: Procedure['act']): Procedure {
  return {
    resources: async (parts, call) => pathsOf(await visibleJob(parts, call.caller, param(call, 'id'))),
    subject: (_parts, call) => `job:${param(call, 'id')}`,
    outcome: (job) => ({ state: (job as JobView).state }),
    act,
  };
}

function copyDetails(copy: Omit<StartJobRequest, 'vms'>): Details {
  const { direction, sources, fromVm, vm } = copy;
  const here = copy.upload === undefined ? 'host' : `upload:${copy.upload}`;
  const from = direction === 'in' ? here : direction === 'out' ? `vm:${vm}` : `vm:${fromVm ?? ''}`;
  const text = sources.join('\n');
  const isCut = text.length > SOURCES_CHARACTERS_MAX;
  return {
    direction,
    from,
    sources: isCut ? `${text.slice(0, SOURCES_CHARACTERS_MAX)}…` : text,
    sourceCount: sources.length,
  };
}

/** A page of the jobs that the caller may see. It may hold fewer than were asked for though there are more. */
async function visiblePage(parts: ServiceParts, call: Call, request: ListJobsRequest): Promise<JobPage> {
  let cursor = request.cursor;
  for (let page = 0; page < LIMITS.jobPagesSearchedMax.value; page += 1) {
    const { jobs, nextCursor } = await parts.jobs.list({ ...request, ...(cursor && { cursor }) });
    const visible = jobs.filter((job) => maySee(parts, call.caller, job));
    if (visible.length > 0 || nextCursor === null) return { jobs: visible, nextCursor };
    cursor = nextCursor;
  }
  return { jobs: [], nextCursor: cursor ?? null };
}
