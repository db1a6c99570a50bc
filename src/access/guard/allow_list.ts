import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type IpAddress, parseIp } from './ip_address.ts';
import { isIn, type Network, parseNetwork } from './network.ts';

const V4_LOOPBACK = parseNetwork('127.0.0.0/8');
const V6_LOOPBACK = parseNetwork('::1');

/** From which addresses the daemon may be reached at all. An empty list lets every address in. */
export class AllowList {
  readonly #networks: readonly Network[];

  /** Networks as the user writes them. CW_USAGE naming the bad one, CW_LIMIT. */
  constructor(networks: readonly string[]) {
    if (networks.length > LIMITS.allowListMax.value) {
      throw new CausewayError(
        'CW_LIMIT',
        `the allow list has more than ${LIMITS.allowListMax.value} networks`,
      );
    }
    this.#networks = networks.map(parseNetwork);
  }

  /**
   * Whether a peer with this address may speak. The machine itself always may, so that a wrong list can be mended.
   * What is no address may not, unless the list is empty.
   */
  permits(address: string): boolean {
    if (this.#networks.length === 0) return true;
    const ip = parseIp(address);
    return ip !== null && (isLoopback(ip) || this.#networks.some((network) => isIn(network, ip)));
  }
}

export function isLoopback(address: IpAddress): boolean {
  return isIn(V4_LOOPBACK, address) || isIn(V6_LOOPBACK, address);
}
