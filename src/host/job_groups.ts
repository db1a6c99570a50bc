import { toHex } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { GroupView, JobView, StartGroupRequest } from '../contract/schemas.ts';
import type { World } from '../world/world.ts';
import type { JobManager } from './job_manager.ts';

const ID_BYTES = 4;

/** Copies of the same sources to several machines: a job for each, under one id. */
export class JobGroups {
  readonly #random: World['random'];
  readonly #jobs: JobManager;

  constructor(random: World['random'], jobs: JobManager) {
    this.#random = random;
    this.#jobs = jobs;
  }

  /**
   * Makes a job for each machine; one that is the same copy as an unfinished job joins it, and takes it into the group.
   * `given`: eight hex digits for its id. Errors as of `JobManager.start`.
   */
  async start({ vms, ...request }: StartGroupRequest, given?: string): Promise<GroupView> {
    if (request.direction === 'out')
      throw new CausewayError('CW_USAGE', 'a copy to several machines does not go to the host');
    const id = `g${given ?? toHex(this.#random.bytes(ID_BYTES))}`;
    await this.#jobs.startAll(vms.map((vm) => ({ ...request, vm, group: id })));
    return this.show(id);
  }

  /** CW_JOB_UNKNOWN. */
  async show(id: string): Promise<GroupView> {
    const page = await this.#jobs.list({ group: id, limit: LIMITS.groupVmsMax.value });
    if (page.jobs.length === 0) throw new CausewayError('CW_JOB_UNKNOWN', `there is no job ${id}`);
    const jobs = page.jobs.reverse();
    return {
      id,
      jobs,
      ended: jobs.every(({ endedAtMs }) => endedAtMs !== null),
      readBytes: jobs.reduce((sum, job) => sum + readBytes(job), 0),
      sentBytes: jobs.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    };
  }
}

function readBytes({ stages }: JobView): number {
  return stages.find(({ side, stage }) => side !== 'guest' && stage === 'sourceRead')?.bytes ?? 0;
}
