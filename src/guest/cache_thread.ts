// The module that a thread starts with which seals and opens blocks of the cache of a mount.
import { openBlocksJob, sealBlocksJob } from '../cache/store/seal_job.ts';
import { serveJobs } from '../world/node/offload_thread.ts';

serveJobs([openBlocksJob, sealBlocksJob]);
