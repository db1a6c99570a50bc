import { Type } from 'typebox';
import {
  AddVmRequest,
  JobView,
  PairRequest,
  PairView,
  StartJobRequest,
  StatusView,
  VmView,
} from './schemas.ts';

const Empty = Type.Object({}, { additionalProperties: false });
const NameParams = Type.Object({ name: Type.String() });
const IdParams = Type.Object({ id: Type.String() });

/** Every procedure of the daemon's API: name, HTTP method and path, and what goes in and comes out. */
export const PROCEDURES = {
  status: { method: 'GET', path: '/v1/status', params: Empty, body: Empty, result: StatusView },
  stop: { method: 'POST', path: '/v1/stop', params: Empty, body: Empty, result: Empty },
  listVms: { method: 'GET', path: '/v1/vms', params: Empty, body: Empty, result: Type.Array(VmView) },
  addVm: { method: 'POST', path: '/v1/vms', params: Empty, body: AddVmRequest, result: VmView },
  showVm: { method: 'GET', path: '/v1/vms/:name', params: NameParams, body: Empty, result: VmView },
  removeVm: { method: 'DELETE', path: '/v1/vms/:name', params: NameParams, body: Empty, result: Empty },
  pairVm: {
    method: 'POST',
    path: '/v1/vms/:name/pair',
    params: NameParams,
    body: PairRequest,
    result: PairView,
  },
  listJobs: { method: 'GET', path: '/v1/jobs', params: Empty, body: Empty, result: Type.Array(JobView) },
  startJob: { method: 'POST', path: '/v1/jobs', params: Empty, body: StartJobRequest, result: JobView },
  showJob: { method: 'GET', path: '/v1/jobs/:id', params: IdParams, body: Empty, result: JobView },
  cancelJob: { method: 'POST', path: '/v1/jobs/:id/cancel', params: IdParams, body: Empty, result: JobView },
  interruptJob: {
    method: 'POST',
    path: '/v1/jobs/:id/interrupt',
    params: IdParams,
    body: Empty,
    result: JobView,
  },
} as const;

export type ProcedureName = keyof typeof PROCEDURES;

/** A stream of JobView, one JSON document a line, until the job has ended. */
export const WATCH_JOB_PATH = '/v1/jobs/:id/watch';
