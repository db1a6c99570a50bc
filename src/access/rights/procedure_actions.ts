import type { ProcedureName } from '../../contract/routes.ts';
import type { Action } from './actions.ts';

/** The action that each procedure of the API is. The type makes sure that none is missing. */
export const PROCEDURE_ACTIONS = {
  status: 'daemon.status',
  stop: 'daemon.stop',
  listVms: 'vm.list',
  addVm: 'vm.add',
  showVm: 'vm.read',
  setVm: 'vm.change',
  removeVm: 'vm.remove',
  pairVm: 'vm.pair',
  listJobs: 'job.list',
  startJob: 'job.start',
  startGroup: 'job.start',
  showGroup: 'job.read',
  showJob: 'job.read',
  cancelJob: 'job.control',
  pauseJob: 'job.control',
  resumeJob: 'job.control',
  undoJob: 'job.control',
  interruptJob: 'job.control',
} as const satisfies Record<ProcedureName, Action>;
