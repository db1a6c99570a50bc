/** At which level messages are compressed. */
export interface LevelChoice {
  /** It changes with what the copy is held up by. */
  readonly isAuto: boolean;
  /** 0: not at all. */
  now(): number;
  /** What one message took, and what its samples said (null where none was taken). */
  worked(workMs: number, ratio: number | null): void;
  /** Bytes of files have gone, however they travelled, in a message that was made at `level`. */
  sent(plainBytes: number, level: number): void;
}

/** The level that was asked for. */
export function fixedLevel(level: number): LevelChoice {
  return { isAuto: false, now: () => level, worked: () => undefined, sent: () => undefined };
}
