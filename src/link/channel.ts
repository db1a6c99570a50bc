import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { throwIfAborted } from '../base/signal.ts';
import type { Conn, Endpoint, Net } from '../world/net.ts';

/** Opens a new byte pipe to the peer. Rejects soon after the signal is aborted. */
export type OpenChannel = (signal: AbortSignal) => Promise<Conn>;

/** Where a link finds its carrier: an address, or a function for anything else (in-process pipes, several addresses). */
export type Channel = Endpoint | OpenChannel;

export function openChannel(net: Net, channel: Channel, signal: AbortSignal): Promise<Conn> {
  if (typeof channel === 'function') return channel(signal);
  return net.dial(channel, { timeoutMs: LIMITS.connectTimeoutMs.value, signal });
}

/** A channel that tries several endpoints, in order, at each attempt: the addresses of a token. Fails as the last one did. */
export function firstReachable(net: Net, endpoints: readonly Endpoint[]): OpenChannel {
  return async (signal) => {
    let last: unknown = new CausewayError('CW_LINK_REFUSED', 'no address is known');
    for (const endpoint of endpoints) {
      throwIfAborted(signal);
      try {
        return await openChannel(net, endpoint, signal);
      } catch (failure) {
        last = failure;
      }
    }
    throw last;
  };
}
