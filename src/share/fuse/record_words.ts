/** What lies where in the words that a thread which serves a folder shares with the one that writes its records. */
export const WORD = {
  /** How many of those that wait have their answer. */
  answered: 0,
  /** 1 where the last one may not be done. */
  isRefused: 1,
  /** Records that are on their way. */
  ahead: 2,
  /** 1 once a record could not be written, until one can. */
  isFailing: 3,
} as const;

export const WORDS_BYTES = 4 * Int32Array.BYTES_PER_ELEMENT;
