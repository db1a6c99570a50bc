import { CausewayError } from '../../base/errors.ts';
import { hashAt } from '../../base/hash.ts';
import type { SinkMessage, SourceMessage } from '../../wire/copy_types.ts';
import { bitsMessages } from '../skip_bits.ts';

export interface Asking {
  send(message: SinkMessage): Promise<void>;
  next(): Promise<SourceMessage>;
}

/** Asks the source for the sums of these files, whose numbers rise, and waits for all it can give. CW_WIRE_MALFORMED. */
export async function askSums(
  indexes: readonly number[],
  { send, next }: Asking,
): Promise<Map<number, Uint8Array>> {
  const sums = new Map<number, Uint8Array>();
  let unanswered = 0;
  for (const message of bitsMessages('compare', indexes)) {
    await send(message);
    unanswered += 1;
  }
  while (unanswered > 0) {
    const message = await next();
    if (message.t === 'progress') continue;
    if (message.t !== 'sums')
      throw new CausewayError('CW_WIRE_MALFORMED', `the message ${message.t} came where sums were asked for`);
    for (const [at, file] of message.files.entries()) sums.set(file, hashAt(message.hashes, at).slice());
    if (message.last) unanswered -= 1;
  }
  return sums;
}
