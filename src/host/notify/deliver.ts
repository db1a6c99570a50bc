import { fromHex, toHex, utf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { formatUtcMinute } from '../../base/utc.ts';
import type { Clock } from '../../world/clock.ts';
import type { Cryptography } from '../../world/cryptography.ts';
import type { Outbound } from '../../world/outbound.ts';
import { addressRule } from './addresses.ts';
import type { Notification } from './notification.ts';
import type { NotifyTarget } from './notify_store.ts';

export interface DeliveryParts {
  readonly outbound: Outbound;
  readonly crypto: Pick<Cryptography, 'hmac'>;
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs' | 'sleep'>;
}

/** A refusal that another attempt does not change. */
export class FinalRefusal extends CausewayError {
  constructor(message: string) {
    super('CW_NOTIFY_FAILED', message);
  }
}

const SIGNATURE_VERSION = 'v1';
const OK_MIN = 200;
const OK_END = 300;
/** Answers below 500 that mean `later`: too slow, too early, too many. */
const LATER = new Set([408, 425, 429]);

/** One attempt to deliver. CW_NOTIFY_ADDRESS, CW_NOTIFY_FAILED, of which a {@link FinalRefusal} is final. */
export async function deliver(
  parts: DeliveryParts,
  target: NotifyTarget,
  notification: Notification,
  signal: AbortSignal,
): Promise<void> {
  const { atMs } = notification;
  const body = utf8(JSON.stringify({ ...notification, time: `${formatUtcMinute(atMs)} UTC` }));
  if (target.kind === 'webhook') return post(parts, target, { id: notification.id, body }, signal);
  const { argv } = target;
  const end = await parts.outbound.run(
    { argv, stdin: body, timeoutMs: LIMITS.notifyCommandMs.value },
    signal,
  );
  if (end.exitCode === 0) return;
  const how = end.timedOut
    ? `did not end within ${LIMITS.notifyCommandMs.value} ms and was killed`
    : end.exitCode === null
      ? 'was killed'
      : `ended with exit code ${end.exitCode}`;
  throw new CausewayError('CW_NOTIFY_FAILED', `${argv[0]} ${how}${end.lastWords && `: ${end.lastWords}`}`);
}

async function post(
  { outbound, crypto, clock }: DeliveryParts,
  { url, secret, permit }: Extract<NotifyTarget, { kind: 'webhook' }>,
  { id, body }: { readonly id: string; readonly body: Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  const timestamp = String(Math.floor(clock.wallMs() / 1_000));
  const signed = new Uint8Array([...utf8(`${timestamp}.`), ...body]);
  const signature = toHex(crypto.hmac('sha256', fromHex(secret), signed));
  const status = await outbound.post(
    {
      url,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'causeway',
        'causeway-delivery': id,
        'causeway-timestamp': timestamp,
        'causeway-signature': `${SIGNATURE_VERSION}=${signature}`,
      },
      body,
      timeoutMs: LIMITS.notifyPostMs.value,
      permits: addressRule(url, permit),
    },
    signal,
  );
  if (status >= OK_MIN && status < OK_END) return;
  const { host } = new URL(url);
  if (status >= 500 || LATER.has(status))
    throw new CausewayError('CW_NOTIFY_FAILED', `${host} answered with status ${status}`);
  const why = status >= 300 && status < 400 ? '; redirections are not followed' : '';
  throw new FinalRefusal(`${host} answered with status ${status}${why}`);
}
