/**
 * Keeps small secrets (keys of data, secrets of second factors) by sealing them with a master key that it never
 * shows: the envelope scheme. A new master key means that the small secrets are sealed anew, and no data.
 */
export interface Vault {
  /** Seals `secret`; it opens for the same `purpose` only. The result is text for a state file. */
  seal(purpose: string, secret: Uint8Array): string;
  /** CW_KEY_WRONG where the master key is gone, the text was changed, or the purpose is another one. */
  open(purpose: string, sealed: string): Uint8Array;
  /** Whether it was sealed with the newest master key; otherwise open it and seal it again. */
  isCurrent(sealed: string): boolean;
}
