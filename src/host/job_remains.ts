import { toHex } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { StartJobRequest } from '../contract/schemas.ts';
import type { Clock } from '../world/clock.ts';
import type { Machines } from './machines.ts';
import type { Removal } from './remains.ts';

/** What a cancel can say of what the copy had left. */
export interface Discarded {
  /** For the job; null where everything is gone. */
  readonly note: string | null;
  /** The note that replaces it later, where the removal goes on. */
  readonly later: Promise<string> | null;
}

export interface JobRemains {
  readonly id: string;
  readonly request: StartJobRequest;
  readonly transferId: Uint8Array;
}

/** Has removed what a cancelled copy left; answers within a part of LIMITS.cancelGraceMs. */
export async function discardRemains(machines: Machines, clock: Clock, job: JobRemains): Promise<Discarded> {
  const { id, request, transferId } = job;
  const { settled } = await machines.discard(request, transferId, id);
  const removal = await withinGrace(clock, settled);
  if (removal?.kind === 'removed') return { note: null, later: null };
  if (removal !== null) return { note: removalNote(removal, request), later: null };
  const why = machines.remains.lastError(request.vm, toHex(transferId))?.message;
  return {
    note: `what was copied so far is still there and is removed later: ${why ?? `${request.vm} does not answer`}`,
    later: settled.then((late) => removalNote(late, request)),
  };
}

/** How the removal ended, for the job. */
export function removalNote(removal: Removal, { vm, direction, destination }: StartJobRequest): string {
  switch (removal.kind) {
    case 'removed':
      return 'what was copied so far was removed';
    case 'taken-over':
      return 'what was copied so far is used by the same copy, which was started again';
    case 'given-up': {
      const { message, code } = removal.error;
      const place = direction === 'out' ? destination : `${vm}:${destination}`;
      return `what was copied so far is still in .causeway at ${place} and is not removed: ${message} (${code})`;
    }
  }
}

/** Null where the removal takes longer than a cancel may. */
async function withinGrace(clock: Clock, settled: Promise<Removal>): Promise<Removal | null> {
  const answered = new AbortController();
  const late = clock.sleep(LIMITS.cancelGraceMs.value / 2, answered.signal).then(
    () => null,
    () => null, // it was settled in time
  );
  const removal = await Promise.race([settled, late]);
  answered.abort();
  return removal;
}
