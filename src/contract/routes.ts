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
  updateVm: { method: 'POST', path: '/v1/vms/:name/update' },
  rotateVm: { method: 'POST', path: '/v1/vms/:name/rotate' },
  rotateKey: { method: 'POST', path: '/v1/key/rotate' },
  discoverVms: { method: 'GET', path: '/v1/discovered-vms' },
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
  listFiles: { method: 'GET', path: '/v1/files' },
  listVmFiles: { method: 'GET', path: '/v1/vms/:name/files' },
  createUpload: { method: 'POST', path: '/v1/uploads' },
  showUpload: { method: 'GET', path: '/v1/uploads/:id' },
  addUploadFolders: { method: 'POST', path: '/v1/uploads/:id/folders' },
  removeUpload: { method: 'DELETE', path: '/v1/uploads/:id' },
  listShares: { method: 'GET', path: '/v1/shares' },
  createShare: { method: 'POST', path: '/v1/shares' },
  showShare: { method: 'GET', path: '/v1/shares/:name' },
  setShare: { method: 'PATCH', path: '/v1/shares/:name' },
  removeShare: { method: 'DELETE', path: '/v1/shares/:name' },
  listBatches: { method: 'GET', path: '/v1/shares/:name/batches' },
  rollBack: { method: 'POST', path: '/v1/shares/:name/rollback' },
  listMounts: { method: 'GET', path: '/v1/mounts' },
  addMount: { method: 'POST', path: '/v1/mounts' },
  removeMount: { method: 'POST', path: '/v1/mounts/remove' },
  waitCache: { method: 'POST', path: '/v1/cache/wait' },
  setCache: { method: 'POST', path: '/v1/cache/set' },
  me: { method: 'GET', path: '/v1/me' },
  logIn: { method: 'POST', path: '/v1/session' },
  logOut: { method: 'DELETE', path: '/v1/session' },
  lookLink: { method: 'POST', path: '/v1/links/look' },
  redeemLink: { method: 'POST', path: '/v1/links/redeem' },
  changePassword: { method: 'POST', path: '/v1/me/password' },
  listSessions: { method: 'GET', path: '/v1/me/sessions' },
  endSession: { method: 'DELETE', path: '/v1/me/sessions/:id' },
  beginTotp: { method: 'POST', path: '/v1/me/totp' },
  confirmTotp: { method: 'POST', path: '/v1/me/totp/confirm' },
  clearTotp: { method: 'POST', path: '/v1/me/totp/off' },
  renewRecovery: { method: 'POST', path: '/v1/me/totp/recovery' },
  listOwnTokens: { method: 'GET', path: '/v1/me/tokens' },
  createToken: { method: 'POST', path: '/v1/me/tokens' },
  revokeOwnToken: { method: 'DELETE', path: '/v1/me/tokens/:id' },
  listUsers: { method: 'GET', path: '/v1/users' },
  addUser: { method: 'POST', path: '/v1/users' },
  showUser: { method: 'GET', path: '/v1/users/:name' },
  setUser: { method: 'PATCH', path: '/v1/users/:name' },
  removeUser: { method: 'DELETE', path: '/v1/users/:name' },
  linkUser: { method: 'POST', path: '/v1/users/:name/link' },
  setUserPassword: { method: 'POST', path: '/v1/users/:name/password' },
  endUserSessions: { method: 'DELETE', path: '/v1/users/:name/sessions' },
  beginUserTotp: { method: 'POST', path: '/v1/users/:name/totp' },
  confirmUserTotp: { method: 'POST', path: '/v1/users/:name/totp/confirm' },
  clearUserTotp: { method: 'DELETE', path: '/v1/users/:name/totp' },
  createUserToken: { method: 'POST', path: '/v1/users/:name/tokens' },
  listTokens: { method: 'GET', path: '/v1/tokens' },
  revokeToken: { method: 'DELETE', path: '/v1/tokens/:id' },
  showAllow: { method: 'GET', path: '/v1/allow' },
  setAllow: { method: 'PUT', path: '/v1/allow' },
  showMetrics: { method: 'GET', path: '/v1/metrics' },
  showConfig: { method: 'GET', path: '/v1/config' },
  setConfig: { method: 'PATCH', path: '/v1/config' },
  reloadConfig: { method: 'POST', path: '/v1/config/reload' },
  listNotifiers: { method: 'GET', path: '/v1/notifiers' },
  addNotifier: { method: 'POST', path: '/v1/notifiers' },
  removeNotifier: { method: 'DELETE', path: '/v1/notifiers/:name' },
  testNotifier: { method: 'POST', path: '/v1/notifiers/:name/test' },
  searchAudit: { method: 'GET', path: '/v1/audit' },
  verifyAudit: { method: 'GET', path: '/v1/audit/verify' },
} as const;

export type ProcedureName = keyof typeof ROUTES;

/** A stream of JobView, one JSON document a line, until the job has ended. */
export const WATCH_JOB_PATH = '/v1/jobs/:id/watch';

/** Audit records that fit the query, the oldest first, one JSON document a line. */
export const EXPORT_AUDIT_PATH = '/v1/audit/export';

/** PUT: one file of an upload, its bytes as `application/octet-stream`. */
export const UPLOAD_FILE_PATH = '/v1/uploads/:id/files';

/** Server-sent events: see `event_schemas.ts`. */
export const EVENTS_PATH = '/v1/events';

/** Server-sent events: see `share_event_schemas.ts`. */
export const SHARE_EVENTS_PATH = '/v1/shares/:name/events';

/** The metrics as Prometheus reads them; the same path on the socket and by HTTPS. */
export const SCRAPE_PATH = '/metrics';

/** The API as an OpenAPI 3.1 document. */
export const OPENAPI_PATH = '/v1/openapi.json';

/** Before each path where the API is served by HTTPS; on the Unix socket it stands before none. */
export const HTTPS_PREFIX = '/api';
