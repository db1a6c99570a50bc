/** Method and path of every procedure, without its schemas: a client that only calls them loads nothing else. */
export const ROUTES = {
  status: { method: 'GET', path: '/v1/status' },
  stop: { method: 'POST', path: '/v1/stop' },
  listVms: { method: 'GET', path: '/v1/vms' },
  addVm: { method: 'POST', path: '/v1/vms' },
  showVm: { method: 'GET', path: '/v1/vms/:name' },
  setVm: { method: 'PATCH', path: '/v1/vms/:name' },
  removeVm: { method: 'DELETE', path: '/v1/vms/:name' },
  pairVm: { method: 'POST', path: '/v1/vms/:name/pair' },
  listJobs: { method: 'GET', path: '/v1/jobs' },
  startJob: { method: 'POST', path: '/v1/jobs' },
  startGroup: { method: 'POST', path: '/v1/groups' },
  showGroup: { method: 'GET', path: '/v1/groups/:id' },
  showJob: { method: 'GET', path: '/v1/jobs/:id' },
  cancelJob: { method: 'POST', path: '/v1/jobs/:id/cancel' },
  pauseJob: { method: 'POST', path: '/v1/jobs/:id/pause' },
  resumeJob: { method: 'POST', path: '/v1/jobs/:id/resume' },
  undoJob: { method: 'POST', path: '/v1/jobs/:id/undo' },
  interruptJob: { method: 'POST', path: '/v1/jobs/:id/interrupt' },
} as const;

export type ProcedureName = keyof typeof ROUTES;

/** A stream of JobView, one JSON document a line, until the job has ended. */
export const WATCH_JOB_PATH = '/v1/jobs/:id/watch';
