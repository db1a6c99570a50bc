import fastify, { type FastifyInstance } from 'fastify';
import { LOCAL_OWNER } from '../access/rights/principal.ts';
import { addApi, serverOptions } from '../service/http/routes.ts';
import type { Service } from '../service/service.ts';
import type { WebPlatform } from '../world/node/web_platform.ts';

/**
 * The daemon's API on a Unix socket in its data directory; whoever may open the socket may do everything. Records name the
 * user where the kernel tells who it is.
 */
export async function serveApi(
  service: Service,
  socketPath: string,
  platform: Pick<WebPlatform, 'peerOf'>,
): Promise<FastifyInstance> {
  const server = fastify(serverOptions(true));
  const known = new WeakMap<object, typeof LOCAL_OWNER>();
  addApi(server, service, {
    prefix: '',
    isLocal: true,
    credentials: ({ socket }) => {
      const principal = known.get(socket) ?? principalOf(platform.peerOf(socket));
      known.set(socket, principal);
      return { principal, address: null, session: null };
    },
  });
  await server.listen({ path: socketPath });
  return server;
}

function principalOf(peer: ReturnType<WebPlatform['peerOf']>): typeof LOCAL_OWNER {
  return peer === null ? LOCAL_OWNER : { ...LOCAL_OWNER, name: `local user ${peer.userId}` };
}
