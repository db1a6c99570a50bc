import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ServiceParts } from '../ports.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What requests of a route count as. */
    readonly procedure?: string;
    /** Its answers take as long as somebody listens: how long says nothing. */
    readonly isStream?: boolean;
  }
}

/** What a request counts as that goes to no route of the API. */
const OTHER = 'other';

/** Counts the requests of a server and measures how long their answers take. Call it before routes are added. */
export function addApiMeter(
  server: FastifyInstance,
  { metrics, clock }: Pick<ServiceParts, 'metrics' | 'clock'>,
  transport: 'local' | 'https',
): void {
  const begun = new WeakMap<FastifyRequest, number>();
  server.addHook('onRequest', async (request) => {
    begun.set(request, clock.monotonicMs());
  });
  server.addHook('onResponse', async (request, reply) => {
    const { procedure = OTHER, isStream = false } = request.routeOptions.config;
    const startMs = begun.get(request);
    const isTimed = startMs !== undefined && procedure !== OTHER && !isStream;
    metrics.answered({
      transport,
      procedure,
      status: reply.raw.statusCode,
      durationMs: isTimed ? clock.monotonicMs() - startMs : null,
    });
  });
}
