import { signal } from '@preact/signals';
import { HTTPS_PREFIX, UPLOAD_FILE_PATH } from '../../contract/routes.ts';
import { call, csrfHeaders, fill, queryOf } from '../api/client.ts';
import { ApiError, errorOf } from '../api/errors.ts';
import { sendBytes, warnBeforeLeaving } from '../browser/send_bytes.ts';
import { bytesOf, type Picked, type PickedFile } from '../format/picked.ts';

/** How far the files of this device have been sent. */
export interface Sending {
  readonly files: number;
  readonly bytes: number;
  readonly sentFiles: number;
  readonly sentBytes: number;
}

/** Files that are sent at the same time. */
const LANES = 4;
const FOLDERS_AT_ONCE = 1_000;

/** Null while nothing is sent. */
export const sending = signal<Sending | null>(null);
let stop = new AbortController();

/** Ends what is being sent; the daemon keeps nothing of it. */
export function cancelSending(): void {
  stop.abort();
}

/** Sends all files for a copy to these machines: the id of the upload; null where it was cancelled. Throws {@link ApiError}. */
export async function send(
  picked: Picked,
  to: { readonly vms: string[]; readonly destination: string },
): Promise<string | null> {
  const files = picked.files.length;
  const bytes = bytesOf(picked);
  stop = new AbortController();
  const { signal: stopped } = stop;
  sending.value = { files, bytes, sentFiles: 0, sentBytes: 0 };
  const stay = warnBeforeLeaving();
  let id: string | null = null;
  try {
    ({ id } = await call('createUpload', {}, { ...to, files, bytes }));
    for (let at = 0; at < picked.folders.length; at += FOLDERS_AT_ONCE)
      await call('addUploadFolders', { id }, { paths: picked.folders.slice(at, at + FOLDERS_AT_ONCE) });
    await sendFiles(id, picked.files, stopped);
    if (!stopped.aborted) return id;
    await discard(id);
    return null;
  } catch (failure) {
    const wasCancelled = stopped.aborted;
    stop.abort();
    if (id !== null) await discard(id);
    if (wasCancelled) return null;
    throw failure;
  } finally {
    stay();
    sending.value = null;
  }
}

/** What was sent for a copy that did not start. The daemon forgets it by itself, a while later. */
export async function discard(id: string): Promise<void> {
  await call('removeUpload', { id }, {}).catch(() => undefined); // it is forgotten later, then
}

async function sendFiles(id: string, files: readonly PickedFile[], stopped: AbortSignal): Promise<void> {
  const left = files.values();
  const lane = async (): Promise<void> => {
    for (const file of left) {
      if (stopped.aborted) return;
      await sendFile(id, file, stopped);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function sendFile(
  id: string,
  { path, blob, mtimeMs }: PickedFile,
  stopped: AbortSignal,
): Promise<void> {
  let told = 0;
  const onProgress = (sentBytes: number): void => {
    // what stands around the bytes is counted by some browsers too
    const sent = Math.min(sentBytes, blob.size);
    advance(0, sent - told);
    told = sent;
  };
  const url = HTTPS_PREFIX + fill(UPLOAD_FILE_PATH, { id }) + queryOf({ path, mtimeMs });
  const answer = await sendBytes({
    path: url,
    headers: csrfHeaders(),
    blob,
    signal: stopped,
    onProgress,
  }).catch(() => {
    throw new ApiError({ status: 0, code: 'CW_DAEMON_DOWN', message: '', help: '' });
  });
  if (answer.status !== 200) throw errorOf(answer);
  advance(1, blob.size - told);
}

function advance(files: number, bytes: number): void {
  const now = sending.value;
  if (now === null) return;
  sending.value = { ...now, sentFiles: now.sentFiles + files, sentBytes: now.sentBytes + bytes };
}
