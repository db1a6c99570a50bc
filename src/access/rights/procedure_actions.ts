import type { ProcedureName } from '../../contract/routes.ts';
import type { Action } from './actions.ts';

/**
 * `open`: for who has proven nothing yet, because it is the proof. `signed-in`: for whoever has proven who it is, with
 * whatever rights.
 */
export type ProcedureRule = Action | 'open' | 'signed-in';

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
  undoJob: 'job.undo',
  interruptJob: 'job.control',
  me: 'signed-in',
  logIn: 'open',
  logOut: 'signed-in',
  lookLink: 'open',
  redeemLink: 'open',
  changePassword: 'account.change',
  listSessions: 'account.read',
  endSession: 'account.change',
  beginTotp: 'account.change',
  confirmTotp: 'account.change',
  clearTotp: 'account.change',
  renewRecovery: 'account.change',
  listOwnTokens: 'account.read',
  createToken: 'account.change',
  revokeOwnToken: 'account.change',
  listUsers: 'user.read',
  addUser: 'user.change',
  showUser: 'user.read',
  setUser: 'user.change',
  removeUser: 'user.change',
  linkUser: 'user.change',
  setUserPassword: 'user.change',
  endUserSessions: 'user.change',
  beginUserTotp: 'user.change',
  confirmUserTotp: 'user.change',
  clearUserTotp: 'user.change',
  createUserToken: 'user.change',
  listTokens: 'user.read',
  revokeToken: 'user.change',
  showAllow: 'settings.read',
  setAllow: 'settings.change',
  searchAudit: 'audit.read',
  verifyAudit: 'audit.read',
} as const satisfies Record<ProcedureName, ProcedureRule>;
