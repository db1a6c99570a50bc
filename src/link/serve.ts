import type { Listener } from '../world/net.ts';
import type { World } from '../world/world.ts';
import type { Channel } from './channel.ts';
import type { LinkServer } from './link_server.ts';
import type { ServeTrust } from './reception.ts';
import { ListenerServer } from './serve_listener.ts';
import { PipeServer } from './serve_pipe.ts';
import type { LocalSide } from './session/handshake.ts';

/** Where the accepting side's carriers come from. */
export type ServeSource =
  /** TCP or Unix: many peers. The server owns the listener. */
  | { readonly kind: 'listener'; readonly listener: Listener }
  /**
   * One pipe with one peer at a time. `serial`: a serial port, opened again after each loss, with the preamble.
   * Otherwise (stdio): opened once, the server ends with it.
   */
  | { readonly kind: 'pipe'; readonly channel: Channel; readonly serial: boolean };

export interface ServeSpec extends LocalSide {
  readonly source: ServeSource;
  readonly trust: ServeTrust;
}

/** The accepting side: lets peers in and hands on the links that they begin. */
export function serveLinks(world: World, spec: ServeSpec): LinkServer {
  const { source, ...rest } = spec;
  return source.kind === 'listener'
    ? new ListenerServer(world, rest, source.listener)
    : new PipeServer(world, rest, source);
}
