import type { CausewayError } from '../../base/errors.ts';

/** The carrier below a session is of no use any more; the session itself is not concerned. */
export class CarrierLoss extends Error {
  override readonly name = 'CarrierLoss';
  readonly reason: CausewayError;

  constructor(reason: CausewayError) {
    super(reason.message, { cause: reason });
    this.reason = reason;
  }
}
