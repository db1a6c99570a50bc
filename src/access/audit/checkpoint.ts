import { fromHex, toHex } from '../../base/bytes.ts';
import { StateFile } from '../../config/state_file.ts';
import { field, type StateObject } from '../../config/state_json.ts';
import { encodeCbor } from '../../wire/cbor.ts';
import type { Cryptography } from '../../world/cryptography.ts';
import type { Dir } from '../../world/disk.ts';
import type { AuditKeys } from './audit_keys.ts';

/** What stands for the segments that were deleted because they were old enough: the log goes on from it. */
export interface AuditCheckpoint {
  /** The last segment deleted. */
  readonly throughSegment: number;
  readonly lastSequence: number;
  /** The chain value that the next segment begins with, hex. */
  readonly chain: string;
  /** No record deleted is younger. Milliseconds since 1970 UTC, as all times. */
  readonly olderThanMs: number;
  readonly deletedAtMs: number;
}

export interface StoredCheckpoint {
  readonly checkpoint: AuditCheckpoint;
  /** Whether the daemon signed it. */
  readonly isSigned: boolean;
}

export const CHECKPOINT_FILE = 'checkpoint.json';

/** Replaces the checkpoint of the log in `dir` by a signed one; durable when it resolves. */
export async function writeCheckpoint(
  keys: AuditKeys,
  dir: Dir,
  dirPath: string,
  checkpoint: AuditCheckpoint,
): Promise<void> {
  const signature = toHex(keys.sign(messageOf(keys, checkpoint)));
  const publicKey = toHex(keys.publicKey);
  await new StateFile(dir, dirPath, CHECKPOINT_FILE).write({ ...checkpoint, publicKey, signature });
}

/** Null where nothing was deleted yet. CW_DAEMON_STATE where the file is damaged. */
export async function readCheckpoint(
  crypto: Cryptography,
  keys: AuditKeys,
  dir: Dir,
  dirPath: string,
): Promise<StoredCheckpoint | null> {
  const file = new StateFile(dir, dirPath, CHECKPOINT_FILE);
  const stored = await file.read();
  if (stored === null) return null;
  const checkpoint = parseCheckpoint(stored.body, file.description);
  const signature = fromHex(field(stored.body, 'signature', 'string', file.description));
  const isSigned = crypto.signatures.verify(keys.publicKey, messageOf(keys, checkpoint), signature);
  return { checkpoint, isSigned };
}

function messageOf(keys: AuditKeys, checkpoint: AuditCheckpoint): Uint8Array {
  const { throughSegment, lastSequence, chain, olderThanMs, deletedAtMs } = checkpoint;
  const fields = { throughSegment, lastSequence, chain: fromHex(chain), olderThanMs, deletedAtMs };
  return encodeCbor({ what: 'causeway audit checkpoint', logId: keys.logId, ...fields });
}

function parseCheckpoint(body: StateObject, what: string): AuditCheckpoint {
  const number = (name: string): number => field(body, name, 'number', what);
  return {
    throughSegment: number('throughSegment'),
    lastSequence: number('lastSequence'),
    chain: field(body, 'chain', 'string', what),
    olderThanMs: number('olderThanMs'),
    deletedAtMs: number('deletedAtMs'),
  };
}
