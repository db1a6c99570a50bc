import { CausewayError } from './errors.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * `HOST:PORT` as a user writes it; IPv6 in brackets. Port 0 (any free one) is for listening only.
 * Throws CW_USAGE naming `option`.
 */
export function parseHostPort(text: string, option: string, use: 'dial' | 'listen'): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = match ? Number(match[3]) : Number.NaN;
  const lowest = use === 'listen' ? 0 : 1;
  if (match && port >= lowest && port <= 65_535) return { host: match[1] ?? match[2]!, port };
  throw new CausewayError(
    'CW_USAGE',
    `${option} ${text}: an address such as 192.168.122.7:7411 or [::1]:7411 is needed`,
  );
}
