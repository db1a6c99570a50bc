import { civilDay, daysSince1970 } from '../../base/utc.ts';

const DAY_S = 86_400;
const NS_PER_S = 1_000_000_000n;

const WEEKDAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'] as const; // 1970-01-01 was a Thursday
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7). */
export function httpDate(ns: bigint): string {
  const rest = ns % NS_PER_S;
  return httpDateOf(Number((ns - (rest < 0n ? rest + NS_PER_S : rest)) / NS_PER_S));
}

/** The same of whole seconds since 1970. */
export function httpDateOf(seconds: number): string {
  if (seconds === last.seconds) return last.text;
  const days = Math.floor(seconds / DAY_S);
  const ofDay = seconds - days * DAY_S;
  const [hour, minute] = [Math.floor(ofDay / 3_600), Math.floor(ofDay / 60) % 60];
  if (days !== lastDay.days) lastDay = { days, text: dayText(days) };
  last = { seconds, text: `${lastDay.text} ${TWO[hour]}:${TWO[minute]}:${TWO[ofDay % 60]} GMT` };
  return last.text;
}

/** Files of a folder are often of one day, and of one second. */
let lastDay = { days: Number.NaN, text: '' };
let last = { seconds: Number.NaN, text: '' };

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
