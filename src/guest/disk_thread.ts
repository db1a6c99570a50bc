// The module that a thread for disk work starts with.
import { davListJob } from '../share/webdav/list_job.ts';
import { davSendJob } from '../share/webdav/send_job.ts';
import { DISK_JOBS } from '../transfer/disk_jobs.ts';
import { measureFilesJob } from '../tree/files/measure_files_job.ts';
import { putFileJob } from '../tree/files/put_file_job.ts';
import { removeFilesJob } from '../tree/files/remove_files_job.ts';
import { serveJobs } from '../world/node/offload_thread.ts';

serveJobs([...DISK_JOBS, putFileJob, removeFilesJob, measureFilesJob, davListJob, davSendJob]);
