import type { LocalTime } from '../local_time.ts';

/** The machine's time zone, or that of the environment variable TZ, with its clock changes. */
export function createNodeLocalTime(): LocalTime {
  return { offsetMs: (wallMs) => -new Date(wallMs).getTimezoneOffset() * 60_000 };
}
