import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { TreeFile } from '../../tree/files/file_tree.ts';
import type { FilePart } from '../../world/cached_entries.ts';
import type { Clock } from '../../world/clock.ts';
import type { HttpReply } from '../../world/http.ts';
import { davSendJob } from './send_job.ts';

/**
 * Sends a part of a file as the body of an answer. False where the file has become shorter: the client must not take what
 * it has for the whole. What a client takes fast enough is sent by a thread.
 */
export async function sendBody(
  reply: HttpReply,
  file: TreeFile,
  { start, end }: FilePart,
  clock: Pick<Clock, 'monotonicMs'>,
): Promise<boolean> {
  const buffers = [newBuffer(end - start), newBuffer(end - start)] as const;
  let sending: Promise<void> = Promise.resolve();
  let mayLend = file.handle !== undefined && end - start >= LIMITS.davThreadFileBytes.value;
  for (let at = start, turn = 0; at < end; turn += 1) {
    const buffer = buffers[turn % 2 === 0 ? 0 : 1];
    const count = await file.read(buffer.subarray(0, Math.min(buffer.byteLength, end - at)), at);
    await sending;
    if (count === 0) return false;
    const sinceMs = clock.monotonicMs();
    sending = reply.write(buffer.subarray(0, count));
    sending.catch(() => undefined); // awaited with the next piece or below
    at += count;
    if (!mayLend) continue;
    await sending;
    if (clock.monotonicMs() - sinceMs > LIMITS.davFastPieceMs.value) continue;
    const sent = await sendInThread(reply, file, { start: at, end });
    mayLend = sent !== null;
    at += sent ?? 0;
  }
  await sending;
  return true;
}

/** How many bytes were sent before the client took them more slowly, or all; null where no thread can send any. */
async function sendInThread(
  reply: HttpReply,
  { handle }: TreeFile,
  { start, end }: FilePart,
): Promise<number | null> {
  const lent = handle === undefined ? null : reply.lend();
  if (handle === undefined || lent === null) return null;
  const { file, offload } = handle;
  const { fd } = lent;
  const times = { forMs: LIMITS.davThreadTurnMs.value, aloneMs: LIMITS.davThreadAloneMs.value };
  let at = start;
  try {
    while (at < end && lent.isOpen) {
      const count = await offload.run(davSendJob, { file, fd, offset: at, lengthBytes: end - at, ...times });
      at += count;
      lent.sent(count);
      if (count < LIMITS.davThreadTurnBytes.value) break;
    }
    return at - start;
  } catch (failure) {
    // too much waits for threads, and nothing of this was begun
    if (asCausewayError(failure).code === 'CW_LIMIT') return at - start;
    throw failure;
  } finally {
    lent.giveBack();
  }
}

function newBuffer(lengthBytes: number): Uint8Array {
  return new Uint8Array(Math.max(1, Math.min(LIMITS.davPieceBytes.value, lengthBytes)));
}
