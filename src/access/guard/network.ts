import { equalBytes } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { type IpAddress, isV4, parseIp } from './ip_address.ts';

/** An address with the number of its leading bits that count, out of 128. */
export interface Network {
  readonly address: IpAddress;
  readonly bits: number;
}

const V4_BITS_BEFORE = 96;

/** `10.0.0.0/8`, `2001:db8::/32` or a single address. CW_USAGE for anything else, also where bits behind the prefix are set. */
export function parseNetwork(text: string): Network {
  const match = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text.trim());
  const address = match === null ? null : parseIp(match[1] as string);
  if (match === null || address === null)
    throw bad(text, 'an address such as 10.0.0.7, or a network such as 10.0.0.0/8, is needed');
  const isShort = isV4(address) && !(match[1] as string).includes(':');
  const widthBits = isShort ? 32 : 128;
  const prefixBits = match[2] === undefined ? widthBits : Number(match[2]);
  if (prefixBits > widthBits) throw bad(text, `a prefix has at most ${widthBits} bits`);
  const network = { address, bits: prefixBits + (isShort ? V4_BITS_BEFORE : 0) };
  if (!equalBytes(address, masked(network)))
    throw bad(text, 'bits behind the prefix are set: is the prefix right?');
  return network;
}

/** Whether the leading bits agree. */
export function isIn(network: Network, address: IpAddress): boolean {
  const wholeBytes = network.bits >> 3;
  for (let at = 0; at < wholeBytes; at += 1) if (network.address[at] !== address[at]) return false;
  const restBits = network.bits & 7;
  if (restBits === 0) return true;
  const mask = (0xff << (8 - restBits)) & 0xff;
  return ((network.address[wholeBytes] as number) & mask) === ((address[wholeBytes] as number) & mask);
}

function masked({ address, bits }: Network): IpAddress {
  return address.map((byte, at) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - at * 8))) & 0xff);
}

function bad(text: string, why: string): CausewayError {
  return new CausewayError('CW_USAGE', `${JSON.stringify(text)} is no network: ${why}`);
}
