import type { ErrorCode } from '../../base/errors.ts';
import type { Readings } from '../../telemetry/readings.ts';
import type { Access } from '../access.ts';

/** How the last check of the audit log ended. */
export interface AuditCheck {
  readonly isSound: boolean;
  /** ms since 1970 UTC. */
  readonly atMs: number;
}

/** Who may sign in, and how the record of it stands. */
export function readAccess(
  readings: Readings,
  { identity, trail }: Pick<Access, 'identity' | 'trail'>,
  check: AuditCheck,
): void {
  const users = identity.users.list();
  const disabled = users.filter((user) => user.disabled).length;
  readings.set('causeway_users', { state: 'active' }, users.length - disabled);
  readings.set('causeway_users', { state: 'disabled' }, disabled);
  readings.set('causeway_sessions', {}, identity.sessions.count);
  const expiries = identity.tokens.list().map(({ expiresAtMs }) => expiresAtMs);
  readings.set('causeway_tokens', {}, expiries.length);
  if (expiries.length > 0)
    readings.set('causeway_token_expiry_timestamp_seconds', {}, Math.min(...expiries) / 1_000);
  const { nextSequence, segment, sizeBytes } = trail.log.position;
  readings.set('causeway_audit_records', {}, nextSequence - 1);
  readings.set('causeway_audit_segments', {}, segment);
  readings.set('causeway_audit_segment_bytes', {}, sizeBytes);
  readings.set('causeway_audit_sound', {}, check.isSound ? 1 : 0);
  readings.set('causeway_audit_check_timestamp_seconds', {}, check.atMs / 1_000);
}

const SIGN_IN_RESULTS: Partial<Record<ErrorCode, string>> = {
  CW_AUTH_WRONG: 'wrong',
  CW_AUTH_LOCKED: 'locked',
  CW_AUTH_SECOND_FACTOR: 'code-needed',
  CW_AUTH_BUSY: 'busy',
};

export const SIGN_INS = ['ok', 'wrong', 'locked', 'code-needed', 'busy', 'failed'] as const;

/** How an attempt to sign in ended; null: it succeeded. */
export function signInResult(code: ErrorCode | null): string {
  return code === null ? 'ok' : (SIGN_IN_RESULTS[code] ?? 'failed');
}
