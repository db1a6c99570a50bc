import { CausewayError } from './errors.ts';

/** A part of every day, in minutes since local midnight: from `fromMinute` up to, not including, `toMinute`; over midnight where that is less. */
export interface TimeWindow {
  readonly fromMinute: number;
  readonly toMinute: number;
}

/** What time windows say of a moment. */
export interface WindowState {
  readonly open: boolean;
  /** When that changes, ms since 1970 UTC; null where it does not change within {@link LOOK_AHEAD_MINUTES}. */
  readonly changesAtMs: number | null;
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
/** Two days and some more: a clock change can take a short window out of one day. */
const LOOK_AHEAD_MINUTES = 2 * DAY_MINUTES + 180;

/** `22:00-06:00`. CW_USAGE. */
export function parseTimeWindow(text: string): TimeWindow {
  const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text);
  const [, fromHour, fromMinute, toHour, toMinute] = (match ?? []).map(Number);
  const window = {
    fromMinute: fromHour! * 60 + fromMinute!,
    toMinute: toHour! * 60 + toMinute!,
  };
  const valid =
    match !== null &&
    fromHour! < 24 &&
    fromMinute! < 60 &&
    toMinute! < 60 &&
    window.toMinute <= DAY_MINUTES &&
    window.fromMinute !== window.toMinute;
  if (valid) return window;
  throw new CausewayError(
    'CW_USAGE',
    `${text}: a time window is written as 22:00-06:00, from one time of day to another`,
  );
}

/**
 * Whether one of the windows is open at a moment, and when that changes; no windows are always open. `offsetMs` tells
 * how far local time is ahead of UTC at a moment: by whole minutes, otherwise a change may be late by up to a minute.
 */
export function windowStateAt(
  windows: readonly TimeWindow[],
  wallMs: number,
  offsetMs: (wallMs: number) => number,
): WindowState {
  const openAt = (atMs: number): boolean => {
    const minute = Math.floor((atMs + offsetMs(atMs)) / MINUTE_MS) % DAY_MINUTES;
    return windows.some((window) => contains(window, minute));
  };
  if (windows.length === 0) return { open: true, changesAtMs: null };
  const open = openAt(wallMs);
  const firstMs = (Math.floor(wallMs / MINUTE_MS) + 1) * MINUTE_MS;
  for (let minutes = 0; minutes < LOOK_AHEAD_MINUTES; minutes += 1) {
    const atMs = firstMs + minutes * MINUTE_MS;
    if (openAt(atMs) !== open) return { open, changesAtMs: atMs };
  }
  return { open, changesAtMs: null };
}

function contains({ fromMinute, toMinute }: TimeWindow, minute: number): boolean {
  if (fromMinute < toMinute) return minute >= fromMinute && minute < toMinute;
  return minute >= fromMinute || minute < toMinute;
}
