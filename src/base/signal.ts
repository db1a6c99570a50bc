import { CausewayError } from './errors.ts';

/** Throws the reason of an aborted signal as a CausewayError (CW_CANCELLED where the reason is none). */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortReason(signal);
}

export function abortReason(signal: AbortSignal): CausewayError {
  if (signal.reason instanceof CausewayError) return signal.reason;
  return new CausewayError('CW_CANCELLED', 'the operation was cancelled');
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as it is aborted. The work behind `promise` goes on. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined); // the caller learns of the abort; the late result has no reader
    return Promise.reject(abortReason(signal));
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(abortReason(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
