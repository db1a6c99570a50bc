import { CausewayError } from '../../base/errors.ts';
import { abortReason } from '../../base/signal.ts';
import type { Link, LinkState } from '../../link/link.ts';

export type UpState = Extract<LinkState, { kind: 'up' }>;

/** The link when it is up: now or later. Rejects with the error of one that has failed, or with the signal's reason. */
export async function upState(link: Link, signal: AbortSignal): Promise<UpState> {
  for (;;) {
    const { state } = link;
    if (state.kind === 'up') return state;
    if (state.kind === 'failed') throw state.error;
    if (state.kind === 'closed') throw new CausewayError('CW_LINK_CLOSED', 'the link was closed');
    await linkedAnew(link, state, signal);
  }
}

/** Resolves when the link is in another state than that one. */
export function linkedAnew(link: Link, state: LinkState, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(abortReason(signal));
  const look = () => {
    if (link.state !== state) resolve();
  };
  const stop = link.onState(look);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  look();
  return promise.finally(() => {
    stop();
    signal.removeEventListener('abort', onAbort);
  });
}
