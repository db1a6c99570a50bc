import { Type } from 'typebox';
import { type ProcedureName, ROUTES } from './routes.ts';
import {
  AddVmRequest,
  GroupView,
  JobPage,
  JobView,
  ListJobsRequest,
  PairRequest,
  PairView,
  SetVmRequest,
  StartGroupRequest,
  StartJobRequest,
  StatusView,
  UndoJobRequest,
  VmView,
} from './schemas.ts';

const Empty = Type.Object({}, { additionalProperties: false });
const NameParams = Type.Object({ name: Type.String() });
const IdParams = Type.Object({ id: Type.String() });

/** Every procedure of the daemon's API: name, HTTP method and path, and what goes in (with GET in the query) and comes out. */
export const PROCEDURES = {
  status: { ...ROUTES.status, params: Empty, body: Empty, result: StatusView },
  stop: { ...ROUTES.stop, params: Empty, body: Empty, result: Empty },
  listVms: { ...ROUTES.listVms, params: Empty, body: Empty, result: Type.Array(VmView) },
  addVm: { ...ROUTES.addVm, params: Empty, body: AddVmRequest, result: VmView },
  showVm: { ...ROUTES.showVm, params: NameParams, body: Empty, result: VmView },
  setVm: { ...ROUTES.setVm, params: NameParams, body: SetVmRequest, result: VmView },
  removeVm: { ...ROUTES.removeVm, params: NameParams, body: Empty, result: Empty },
  pairVm: { ...ROUTES.pairVm, params: NameParams, body: PairRequest, result: PairView },
  listJobs: { ...ROUTES.listJobs, params: Empty, body: ListJobsRequest, result: JobPage },
  startJob: { ...ROUTES.startJob, params: Empty, body: StartJobRequest, result: JobView },
  startGroup: { ...ROUTES.startGroup, params: Empty, body: StartGroupRequest, result: GroupView },
  showGroup: { ...ROUTES.showGroup, params: IdParams, body: Empty, result: GroupView },
  showJob: { ...ROUTES.showJob, params: IdParams, body: Empty, result: JobView },
  cancelJob: { ...ROUTES.cancelJob, params: IdParams, body: Empty, result: JobView },
  pauseJob: { ...ROUTES.pauseJob, params: IdParams, body: Empty, result: JobView },
  undoJob: { ...ROUTES.undoJob, params: IdParams, body: UndoJobRequest, result: JobView },
  resumeJob: { ...ROUTES.resumeJob, params: IdParams, body: Empty, result: JobView },
  interruptJob: { ...ROUTES.interruptJob, params: IdParams, body: Empty, result: JobView },
} as const satisfies Record<ProcedureName, unknown>;
