import type { Dir } from '../../world/disk.ts';
import type { Vault } from '../keys/vault.ts';
import type { AccessPorts } from '../ports.ts';
import { AuditKeys } from './audit_keys.ts';
import { unavailable } from './refusal.ts';

/** Where a log lies, and what it takes to read it. */
export interface LogPlace {
  readonly ports: AccessPorts;
  readonly keys: AuditKeys;
  readonly dir: Dir;
  readonly dirPath: string;
}

/**
 * A log that nobody writes to, for checks, searches and exports: that of a daemon which does not run, or the copy in a
 * second place. CW_AUDIT_UNAVAILABLE where there is none, CW_KEY_WRONG, CW_DAEMON_STATE.
 */
export async function openLogPlace(
  ports: AccessPorts,
  vault: Vault,
  at: { readonly dir: Dir; readonly dirPath: string },
): Promise<LogPlace> {
  const keys = await AuditKeys.read(ports, vault, at.dir, at.dirPath);
  if (keys === null) throw unavailable(`${at.dirPath} holds no audit log, or its keys are gone`);
  return { ports, keys, ...at };
}
