import { LIMITS } from '../base/limits.ts';
import type { JobView, StartJobRequest } from '../contract/schemas.ts';
import { StateFile } from '../link/session/state_file.ts';
import type { Dir } from '../world/disk.ts';

/** A job as it outlives the daemon; `view` is what was last known. */
export interface StoredJob {
  readonly id: string;
  readonly request: StartJobRequest;
  readonly createdAtMs: number;
  readonly view: JobView;
}

const FILE_NAME = 'jobs.json';
const UNFINISHED: readonly JobView['state'][] = ['waiting', 'running'];

/** The jobs of a daemon, in `jobs.json` of its data directory; the oldest finished ones are forgotten. */
export class JobStore {
  readonly #file: StateFile;
  readonly #jobs = new Map<string, StoredJob>();

  private constructor(file: StateFile) {
    this.#file = file;
  }

  /** CW_DAEMON_STATE where the file is damaged. */
  static async open(dir: Dir, dirPath: string): Promise<JobStore> {
    const store = new JobStore(new StateFile(dir, dirPath, FILE_NAME));
    const stored = await store.#file.read();
    for (const job of (stored?.body['jobs'] ?? []) as StoredJob[]) store.#jobs.set(job.id, job);
    return store;
  }

  all(): StoredJob[] {
    return [...this.#jobs.values()];
  }

  get(id: string): StoredJob | undefined {
    return this.#jobs.get(id);
  }

  unfinished(): StoredJob[] {
    return this.all().filter((job) => UNFINISHED.includes(job.view.state));
  }

  async put(job: StoredJob): Promise<void> {
    this.#jobs.set(job.id, job);
    this.#forgetOldest();
    await this.#file.write({ jobs: this.all() });
  }

  #forgetOldest(): void {
    let surplus = this.#jobs.size - LIMITS.jobsKeptMax.value;
    for (const job of this.#jobs.values()) {
      if (surplus <= 0) return;
      if (UNFINISHED.includes(job.view.state)) continue;
      this.#jobs.delete(job.id);
      surplus -= 1;
    }
  }
}
