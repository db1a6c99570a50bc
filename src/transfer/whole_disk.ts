import type { CausewayError } from '../base/errors.ts';

/** Errors that concern the whole destination: going on with the next entry would only repeat them. */
export function isWholeDisk(error: CausewayError): boolean {
  return ['CW_DISK_FULL', 'CW_DISK_QUOTA', 'CW_DISK_READ_ONLY'].includes(error.code);
}
