const DAY_MS = 86_400_000;
const ERA_DAYS = 146_097;
/** Days from 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468;
const NS_PER_MS = 1_000_000n;

const WEEKDAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'] as const; // 1970-01-01 was a Thursday
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7). After H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
export function httpDate(ns: bigint): string {
  const wallMs = Math.floor(Number(ns / NS_PER_MS));
  const day = Math.floor(wallMs / DAY_MS);
  const days = day + EPOCH_DAYS;
  const era = Math.floor(days / ERA_DAYS);
  const dayOfEra = days - era * ERA_DAYS;
  const leaps = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 2 : marchMonth - 10;
  const year = yearOfEra + era * 400 + (month <= 1 ? 1 : 0);
  const seconds = Math.floor((wallMs - day * DAY_MS) / 1_000);
  const time = [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map((part) => two(Math.floor(part)))
    .join(':');
  const weekday = WEEKDAYS[((day % 7) + 7) % 7];
  return `${weekday}, ${two(dayOfMonth)} ${MONTHS[month]} ${String(year).padStart(4, '0')} ${time} GMT`;
}

const FORM = /^\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;

/** Seconds since 1970 of a date in the form of {@link httpDate}; null for any other text. */
export function parseHttpDate(text: string): number | null {
  const [, dayText, monthText, yearText, hours, minutes, seconds] = FORM.exec(text.trim()) ?? [];
  const month = MONTHS.indexOf(monthText as (typeof MONTHS)[number]);
  if (dayText === undefined || month < 0) return null;
  const year = Number(yearText) - (month <= 1 ? 1 : 0);
  const era = Math.floor(year / 400);
  const yearOfEra = year - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 10) % 12) + 2) / 5) + Number(dayText) - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const day = era * ERA_DAYS + dayOfEra - EPOCH_DAYS;
  return day * 86_400 + Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
