import { parseIp } from '../../access/guard/ip_address.ts';
import { isIn, parseNetwork } from '../../access/guard/network.ts';
import { CausewayError } from '../../base/errors.ts';

/**
 * What nobody means who names a web server: link-local addresses (RFC 3927, RFC 4291), where clouds serve the metadata and
 * the keys of a machine, and the addresses at which two of them do so elsewhere.
 */
const REFUSED = [
  '169.254.0.0/16',
  'fe80::/10',
  'fd00:ec2::254',
  '100.100.100.200',
  '0.0.0.0/8',
  '::',
  '64:ff9b::a9fe:0/112',
].map(parseNetwork);
const LOOPBACK = ['127.0.0.0/8', '::1'].map(parseNetwork);

/** Which addresses a webhook may be sent to. `permitted`: networks that are meant all the same. CW_USAGE for what is no network. */
export function addressRule(url: string, permitted: readonly string[]): (address: string) => boolean {
  const named = permitted.map(parseNetwork);
  const isPlain = new URL(url).protocol === 'http:';
  return (address) => {
    const ip = parseIp(address);
    if (ip === null) return false;
    const within = (networks: typeof named) => networks.some((network) => isIn(network, ip));
    if (isPlain && !within(LOOPBACK)) return false;
    return within(named) || !within(REFUSED);
  };
}

/** The URL as it is kept. CW_USAGE where it is none that a webhook can have. */
export function webhookUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const bad = (why: string) => new CausewayError('CW_USAGE', `the URL of the webhook ${why}`);
  if (url === null) throw bad('cannot be read: https://HOST/PATH is needed');
  if (url.username !== '' || url.password !== '') throw bad('holds a password: leave it out');
  if (url.protocol === 'https:') return url.href;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isLocal = host === 'localhost' || addressRule('http://localhost', [])(host);
  if (url.protocol !== 'http:' || !isLocal)
    throw bad('begins with https:; http: is for receivers on this machine');
  return url.href;
}
