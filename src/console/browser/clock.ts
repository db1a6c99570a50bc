/** The wall clock, ms since 1970 UTC. */
export function wallMs(): number {
  return Date.now();
}

/** Calls `work` every `intervalMs`, also while the page is hidden as far as the browser lets it. Gives what ends it. */
export function every(intervalMs: number, work: () => void): () => void {
  const timer = setInterval(work, intervalMs);
  return () => clearInterval(timer);
}

/** Calls `work` once. Gives what takes it back. */
export function after(delayMs: number, work: () => void): () => void {
  const timer = setTimeout(work, delayMs);
  return () => clearTimeout(timer);
}

/** The time that an `<input type="datetime-local">` holds, ms since 1970 UTC; NaN where it holds none. */
export function localTimeMs(text: string): number {
  return text === '' ? Number.NaN : Date.parse(text);
}
