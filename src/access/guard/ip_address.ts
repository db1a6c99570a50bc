/** An IPv4 address stands in the IPv6 space as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that both spellings are one. */
export type IpAddress = Uint8Array;

const V4_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const GROUPS = 8;

/** 16 bytes; null for what is no address. A zone (`%eth0`) is dropped: it names an interface, not an address. */
export function parseIp(text: string): IpAddress | null {
  const plain = text.replace(/%[\w.-]{1,32}$/, '');
  if (!plain.includes(':')) {
    const v4 = parseV4(plain);
    return v4 === null ? null : Uint8Array.from([...V4_PREFIX, ...v4]);
  }
  return parseV6(plain);
}

export function isV4(address: IpAddress): boolean {
  return V4_PREFIX.every((byte, at) => address[at] === byte);
}

/** Four decimal numbers without leading zeros, which some programs read as octal. */
function parseV4(text: string): number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return null;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : null;
}

/** RFC 4291 section 2.2, all three forms. */
function parseV6(text: string): IpAddress | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = [groupsOf(halves[0] as string), groupsOf(halves[1] ?? '')];
  if (head === null || tail === null) return null;
  const missing = GROUPS - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  // the dotted form stands at the end of the whole address only
  if (halves.length === 2 && (halves[0] as string).includes('.')) return null;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]));
}

function groupsOf(text: string): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const v4 = at === parts.length - 1 ? parseV4(part) : null;
    if (v4 === null) return null;
    const [a, b, c, d] = v4 as [number, number, number, number];
    groups.push(a * 256 + b, c * 256 + d);
  }
  return groups;
}
