const DAY_MS = 86_400_000;
const ERA_DAYS = 146_097;
/** Days from 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468;

/** A day of the Gregorian calendar; months and days count from 1. */
export interface CivilDay {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** The day that is so many days after 1970-01-01. After H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
export function civilDay(daysSince1970: number): CivilDay {
  const days = daysSince1970 + EPOCH_DAYS;
  const era = Math.floor(days / ERA_DAYS);
  const dayOfEra = days - era * ERA_DAYS;
  const leaps = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** The other way round. */
export function daysSince1970({ year, month, day }: CivilDay): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const marchMonth = month > 2 ? month - 3 : month + 9;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * marchMonth + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * ERA_DAYS + dayOfEra - EPOCH_DAYS;
}

/** `2026-11-28 15:04 UTC`, from ms since 1970. */
export function formatUtcMinute(wallMs: number): string {
  const { year, month, day } = civilDay(Math.floor(wallMs / DAY_MS));
  const minutes = Math.floor((((wallMs % DAY_MS) + DAY_MS) % DAY_MS) / 60_000);
  const time = `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)} ${time} UTC`;
}

const FORM = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?(?:Z| ?UTC)?$/;
const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Ms since 1970 of `2026-11-28`, `2026-11-28 15:04` or `2026-11-28T15:04:05Z`, all UTC; null for any other text. */
export function parseUtc(text: string): number | null {
  const match = FORM.exec(text.trim());
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (day < 1 || day > (DAYS_OF_MONTH[month - 1] ?? 0) || hour > 23 || minute > 59 || second > 59)
    return null;
  return daysSince1970({ year, month, day }) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
