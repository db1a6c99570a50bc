import type { ProcedureName } from '../contract/routes.ts';
import type { Procedure } from './procedure.ts';
import { ACCOUNT_PROCEDURES } from './procedures/account.ts';
import { AUDIT_PROCEDURES } from './procedures/audit.ts';
import { DAEMON_PROCEDURES } from './procedures/daemon.ts';
import { FILE_PROCEDURES } from './procedures/files.ts';
import { JOB_PROCEDURES } from './procedures/jobs.ts';
import { MACHINE_PROCEDURES } from './procedures/machines.ts';
import { MOUNT_PROCEDURES } from './procedures/mounts.ts';
import { NOTIFY_PROCEDURES } from './procedures/notify.ts';
import { SHARE_PROCEDURES } from './procedures/shares.ts';
import { SIGN_IN_PROCEDURES } from './procedures/sign_in.ts';
import { UPLOAD_PROCEDURES } from './procedures/uploads.ts';
import { USER_PROCEDURES } from './procedures/users.ts';

/** What answers each procedure. The type makes sure that none is missing. */
export const PROCEDURE_HANDLERS: Readonly<Record<ProcedureName, Procedure>> = {
  ...DAEMON_PROCEDURES,
  ...MACHINE_PROCEDURES,
  ...JOB_PROCEDURES,
  ...FILE_PROCEDURES,
  ...MOUNT_PROCEDURES,
  ...SHARE_PROCEDURES,
  ...UPLOAD_PROCEDURES,
  ...SIGN_IN_PROCEDURES,
  ...ACCOUNT_PROCEDURES,
  ...USER_PROCEDURES,
  ...AUDIT_PROCEDURES,
  ...NOTIFY_PROCEDURES,
};
