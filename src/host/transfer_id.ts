import { utf8 } from '../base/bytes.ts';
import { hashParts } from '../base/hash.ts';
import type { StartJobRequest } from '../contract/schemas.ts';
import { TRANSFER_ID_BYTES } from '../wire/copy_messages.ts';
import { UNDO_ID_BYTES } from '../wire/undo_record.ts';
import type { StoredJob } from './job_store.ts';

/** What is kept of one job is kept under this id, whichever attempt keeps it. */
export function undoIdOf(
  deviceId: string,
  { id, createdAtMs }: Pick<StoredJob, 'id' | 'createdAtMs'>,
): Uint8Array {
  const parts = ['causeway-undo-v1', deviceId, id, String(createdAtMs)];
  return hashParts(parts.map((part) => utf8(`${part}\0`))).slice(0, UNDO_ID_BYTES);
}

/** The same copy has the same id on every attempt and in every job, so that it finds what an earlier one left. */
export function transferIdOf(deviceId: string, request: StartJobRequest): Uint8Array {
  const { direction, vm, fromVm = [], upload = [], sources, destination } = request;
  const parts = ['causeway-copy-v1', deviceId, direction, vm, fromVm, upload, ...sources, destination].flat();
  return hashParts(parts.map((part) => utf8(`${part}\0`))).slice(0, TRANSFER_ID_BYTES);
}
