const STEPS: readonly { readonly unit: Intl.RelativeTimeFormatUnit; readonly ms: number }[] = [
  { unit: 'day', ms: 86_400_000 },
  { unit: 'hour', ms: 3_600_000 },
  { unit: 'minute', ms: 60_000 },
];
const SOON_MS = 45_000;

/** `5 minutes ago`, `in 2 days`, `now`; `tag` is the language. Seconds are not told: they would change all the time. */
export function relativeText(atMs: number, nowMs: number, tag: string): string {
  const format = new Intl.RelativeTimeFormat(tag, { numeric: 'auto' });
  const awayMs = atMs - nowMs;
  if (Math.abs(awayMs) < SOON_MS) return format.format(0, 'second');
  const step = STEPS.find(({ ms }) => Math.abs(awayMs) >= ms * 0.95) ?? STEPS.at(-1)!;
  const amount = Math.round(awayMs / step.ms);
  return format.format(amount === 0 ? Math.sign(awayMs) : amount, step.unit);
}

/** Date and time of day, to the second, where the reader is. */
export function absoluteText(atMs: number, tag: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'medium', timeZone }).format(atMs);
}

/** Date and time of day, to the minute. */
export function minuteText(atMs: number, tag: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(atMs);
}

/** For the `datetime` attribute. */
export function isoText(atMs: number): string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    dateStyle: 'short',
    timeStyle: 'medium',
    timeZone: 'UTC',
  });
  return `${format.format(atMs).replace(' ', 'T')}Z`;
}
