import { parseName } from '../base/path.ts';
import type { JobView, StartJobRequest } from '../contract/schemas.ts';
import { StateFile } from '../link/session/state_file.ts';
import type { Dir } from '../world/disk.ts';
import { frameOf, NO_FIGURES } from './job_frame.ts';
import { hasEnded } from './job_state.ts';
import type { JobStore, StoredJob } from './job_store.ts';

const FILE_NAME = 'jobs.json';
const IMPORTED_NAME = 'jobs.json.imported';

/** A job as `jobs.json` held it: without a queue. */
interface FormerJob {
  readonly id: string;
  readonly request: StartJobRequest;
  readonly createdAtMs: number;
  readonly view: Partial<JobView> & Pick<JobView, 'state'>;
}

/**
 * Takes over the jobs of a daemon that kept them in `jobs.json`, once: the file is renamed afterwards. A daemon that
 * dies in between takes over the same jobs again. CW_DAEMON_STATE where the file is damaged.
 */
export async function importFormerJobs(dir: Dir, dirPath: string, store: JobStore): Promise<void> {
  const read = await new StateFile(dir, dirPath, FILE_NAME).read();
  if (read === null) return;
  await store.put(((read.body['jobs'] ?? []) as FormerJob[]).map(upgraded));
  await dir.rename(parseName(FILE_NAME), dir, parseName(IMPORTED_NAME));
  await dir.sync();
}

function upgraded({ id, request, createdAtMs, view }: FormerJob): StoredJob {
  const job = {
    id,
    request,
    createdAtMs: Math.floor(createdAtMs),
    state: view.state,
    wish: null,
    started: true,
    retriesUsed: 0,
    notBeforeMs: null,
  };
  const ended = hasEnded(view.state) ? { endedAtMs: view.endedAtMs ?? job.createdAtMs } : {};
  return { ...job, view: { ...NO_FIGURES, ...view, ...frameOf(job, ended) } };
}
