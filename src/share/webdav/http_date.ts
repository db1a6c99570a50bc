import { civilDay, daysSince1970 } from '../../base/utc.ts';

const DAY_MS = 86_400_000;
const NS_PER_MS = 1_000_000n;

const WEEKDAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'] as const; // 1970-01-01 was a Thursday
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7). */
export function httpDate(ns: bigint): string {
  const wallMs = Math.floor(Number(ns / NS_PER_MS));
  const days = Math.floor(wallMs / DAY_MS);
  const { year, month, day } = civilDay(days);
  const seconds = Math.floor((wallMs - days * DAY_MS) / 1_000);
  const time = [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map((part) => two(Math.floor(part)))
    .join(':');
  const weekday = WEEKDAYS[((days % 7) + 7) % 7];
  return `${weekday}, ${two(day)} ${MONTHS[month - 1]} ${String(year).padStart(4, '0')} ${time} GMT`;
}

const FORM = /^\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;

/** Seconds since 1970 of a date in the form of {@link httpDate}; null for any other text. */
export function parseHttpDate(text: string): number | null {
  const [, dayText, monthText, yearText, hours, minutes, seconds] = FORM.exec(text.trim()) ?? [];
  const month = MONTHS.indexOf(monthText as (typeof MONTHS)[number]);
  if (dayText === undefined || month < 0) return null;
  const days = daysSince1970({ year: Number(yearText), month: month + 1, day: Number(dayText) });
  return days * 86_400 + Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
