/** The time zone of the machine. */
export interface LocalTime {
  /** How far local time is ahead of UTC at a moment (ms since 1970 UTC), in ms; negative in the west. */
  offsetMs(wallMs: number): number;
}
