import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type CborMap, decodeCbor, encodeCbor } from '../../wire/cbor.ts';
import { map, mapOf, oneOf, text, uint } from '../../wire/fields.ts';

/** `started` stands before the work, so that nothing is done without a record; the others say how it ended. */
export const OUTCOMES = ['started', 'done', 'failed', 'refused'] as const;
export type AuditOutcome = (typeof OUTCOMES)[number];

/** Who did it, as far as it was proven. */
export interface AuditActor {
  /** `user`, `token`, `local`, `share`, `system`, `peer`, or `nobody` before a sign-in. */
  readonly kind: string;
  readonly name: string;
  /** Where the request came from; empty for a local channel. */
  readonly address: string;
}

/** What is told to the audit log. Texts may hold anything; what has no UTF-8 form is replaced. */
export interface AuditEntry {
  readonly actor: AuditActor;
  /** `job.start`, `user.change`, …: the actions of `src/access/rights/actions.ts`, and what the daemon does by itself. */
  readonly action: string;
  /** `vm:web-1`, `vm:web-1:/srv/x`, `user:ann`; empty where there is none. */
  readonly resource: string;
  readonly outcome: AuditOutcome;
  /** What else is worth knowing. No secrets. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/** An entry in its place. */
export interface AuditRecord extends AuditEntry {
  /** Counts from 1, without gaps. */
  readonly sequence: number;
  /** Milliseconds since 1970 UTC. */
  readonly timeMs: number;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** An entry as it waits for its place. CW_LIMIT where it is larger than `LIMITS.auditRecordMaxBytes`. */
export function prepareEntry(entry: AuditEntry, timeMs: number): CborMap {
  const { actor, action, resource, outcome, details = {} } = entry;
  const prepared = {
    timeMs,
    actor: { kind: plain(actor.kind), name: plain(actor.name), address: plain(actor.address) },
    action: plain(action),
    resource: plain(resource),
    outcome,
    details: Object.fromEntries(
      Object.entries(details).map(([name, value]) => [plain(name), plainValue(value)]),
    ),
  };
  const sizeBytes = encodeCbor({ ...prepared, sequence: Number.MAX_SAFE_INTEGER }).byteLength;
  if (sizeBytes > LIMITS.auditRecordMaxBytes.value) {
    throw new CausewayError('CW_LIMIT', `an audit record of ${sizeBytes} bytes is larger than it may be`);
  }
  return prepared;
}

/** The bytes of a record: canonical CBOR. */
export function encodeRecord(prepared: CborMap, sequence: number): Uint8Array {
  return encodeCbor({ ...prepared, sequence });
}

/** Throws CW_WIRE_MALFORMED and its like for anything that {@link encodeRecord} does not make. */
export function decodeRecord(bytes: Uint8Array): AuditRecord {
  const fields = mapOf(decodeCbor(bytes), 'an audit record');
  const actor = map(fields, 'actor');
  return {
    sequence: uint(fields, 'sequence'),
    timeMs: fields['timeMs'] as number,
    actor: { kind: text(actor, 'kind'), name: text(actor, 'name'), address: text(actor, 'address') },
    action: text(fields, 'action'),
    resource: text(fields, 'resource'),
    outcome: oneOf(fields, 'outcome', OUTCOMES),
    details: { ...map(fields, 'details') } as AuditRecord['details'],
  };
}

function plain(value: string): string {
  return value.toWellFormed();
}

function plainValue(value: string | number | boolean | null): string | number | boolean | null {
  return typeof value === 'string' ? plain(value) : value;
}
