/** Calls once after so many milliseconds, in the calling thread; what it gives takes that back. */
export function callAfter(delayMs: number, call: () => void): () => void {
  const timer = setTimeout(call, delayMs);
  return () => clearTimeout(timer);
}
