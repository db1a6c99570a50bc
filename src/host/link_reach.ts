import { observed } from '../base/deferred.ts';
import { abortReason } from '../base/signal.ts';
import type { Link } from '../link/link.ts';

/**
 * Resolves when the link has a session. Unlike `ready`, it also waits while the link has failed for good, since the user
 * may mend that. Rejects with the signal's reason only.
 */
export async function reachLink(link: Link, signal: AbortSignal): Promise<void> {
  for (;;) {
    const changed = changeOf(link, signal);
    try {
      await link.ready(signal);
      return;
    } catch {
      await changed.promise; // why the link failed is shown with the machine
    } finally {
      changed.stop();
    }
  }
}

/** Resolves at the next change of state, rejects when the signal is aborted. */
function changeOf(link: Link, signal: AbortSignal): { promise: Promise<void>; stop: () => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(abortReason(signal));
  const unsubscribe = link.onState(() => resolve());
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const stop = () => {
    unsubscribe();
    signal.removeEventListener('abort', onAbort);
  };
  return { promise: observed(promise), stop };
}
