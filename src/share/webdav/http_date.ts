import { civilDay, daysSince1970 } from '../../base/utc.ts';

const DAY_MS = 86_400_000;
const NS_PER_MS = 1_000_000n;

const WEEKDAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'] as const; // 1970-01-01 was a Thursday
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7). */
export function httpDate(ns: bigint): string {
  const wallMs = Math.floor(Number(ns / NS_PER_MS));
  const days = Math.floor(wallMs / DAY_MS);
  const seconds = Math.floor((wallMs - days * DAY_MS) / 1_000);
  const [hour, minute] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  if (days !== lastDay.days) lastDay = { days, text: dayText(days) };
  return `${lastDay.text} ${TWO[hour]}:${TWO[minute]}:${TWO[seconds % 60]} GMT`;
}

/** Files of a folder are often of one day. */
let lastDay = { days: Number.NaN, text: '' };

function dayText(days: number): string {
  const { year, month, day } = civilDay(days);
  const weekday = WEEKDAYS[((days % 7) + 7) % 7];
  return `${weekday}, ${TWO[day]} ${MONTHS[month - 1]} ${String(year).padStart(4, '0')}`;
}

const TWO: readonly string[] = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'));

const FORM = /^\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;

/** Seconds since 1970 of a date in the form of {@link httpDate}; null for any other text. */
export function parseHttpDate(text: string): number | null {
  const [, dayText, monthText, yearText, hours, minutes, seconds] = FORM.exec(text.trim()) ?? [];
  const month = MONTHS.indexOf(monthText as (typeof MONTHS)[number]);
  if (dayText === undefined || month < 0) return null;
  const days = daysSince1970({ year: Number(yearText), month: month + 1, day: Number(dayText) });
  return days * 86_400 + Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
}
