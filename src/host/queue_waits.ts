import { LIMITS } from '../base/limits.ts';
import type { JobView, WaitReason } from '../contract/schemas.ts';
import type { LinkState } from '../link/link.ts';
import type { StoredJob } from './job_store.ts';

/** What the words about a waiting job are made of. */
export interface WaitFacts {
  readonly job: StoredJob;
  /** The links to the machines of the copy. */
  readonly links: readonly { readonly vm: string; readonly state: LinkState }[];
  /** When the window opens, ms since 1970 UTC. */
  readonly windowOpensAtMs: number | null;
  readonly offsetMs: (wallMs: number) => number;
}

/** Why a job waits, for people. */
export function describeWait(reason: WaitReason, facts: WaitFacts): NonNullable<JobView['waiting']> {
  const { job, windowOpensAtMs, offsetMs } = facts;
  const clockText = (untilMs: number | null) =>
    untilMs === null ? '' : ` until ${timeOfDay(untilMs + offsetMs(untilMs))}`;
  switch (reason) {
    case 'turn':
      return {
        reason,
        text: `for its turn: at most ${LIMITS.copiesPerVmMax.value} copies run with one machine, ${LIMITS.copiesMax.value} in all`,
        untilMs: null,
      };
    case 'machine':
      return { reason, text: `for ${machinesText(facts)}`, untilMs: null };
    case 'window':
      return {
        reason,
        text: `for its time window${clockText(windowOpensAtMs)}`,
        untilMs: windowOpensAtMs,
      };
    case 'retry': {
      const { retriesUsed, notBeforeMs, request } = job;
      const why = job.view.lastError === null ? '' : `: ${job.view.lastError.message}`;
      const text = `for retry ${retriesUsed} of ${request.retries ?? 0}${clockText(notBeforeMs)}${why}`;
      return { reason, text, untilMs: notBeforeMs };
    }
    case 'same-copy':
      return { reason, text: 'for the end of the same copy, which is being stopped', untilMs: null };
  }
}

/** The machines that are away, each with what its link says. */
function machinesText({ job, links }: WaitFacts): string {
  const away = links.filter(({ state }) => state.kind !== 'up' && state.kind !== 'failed');
  if (away.length === 0) return job.request.vm;
  return away.map(({ vm, state }) => `${vm}${linkText(state)}`).join(' and ');
}

function linkText(state: LinkState): string {
  const error = 'lastError' in state ? state.lastError : state.kind === 'failed' ? state.error : null;
  return error === null ? '' : `: ${error.message}`;
}

/** `localMs` as if it were UTC. */
function timeOfDay(localMs: number): string {
  const minutes = Math.floor(localMs / 60_000) % (24 * 60);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
