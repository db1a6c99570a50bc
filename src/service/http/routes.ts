import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { PROCEDURE_ACTIONS } from '../../access/rights/procedure_actions.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { AuditFilterRequest } from '../../contract/audit_schemas.ts';
import { EventsRequest } from '../../contract/event_schemas.ts';
import { PROCEDURES } from '../../contract/procedures.ts';
import {
  EVENTS_PATH,
  EXPORT_AUDIT_PATH,
  OPENAPI_PATH,
  type ProcedureName,
  SCRAPE_PATH,
  SHARE_EVENTS_PATH,
  WATCH_JOB_PATH,
} from '../../contract/routes.ts';
import { ShareEventsRequest } from '../../contract/share_event_schemas.ts';
import { CONTENT_TYPES, expose, formatFor } from '../../telemetry/exposition.ts';
import type { Caller } from '../caller.ts';
import { parseIdempotencyKey } from '../once_only.ts';
import { openApiDocument } from '../openapi.ts';
import type { Service } from '../service.ts';
import { addApiMeter } from './api_meter.ts';
import { sessionCookie } from './cookies.ts';
import { type Credentials, refuseForged } from './credentials.ts';
import { streamEvents } from './event_stream.ts';
import { PROBLEM_TYPE, problemOf } from './problem.ts';
import { streamShareEvents } from './share_event_stream.ts';
import { exportAudit, watchJob } from './streams.ts';
import { addUploadRoute } from './upload_route.ts';

/** Where and for whom the API is served. */
export interface ApiPlace {
  /** Before every path. */
  readonly prefix: string;
  readonly credentials: Credentials;
  /** The socket in the data directory, which no browser reaches. */
  readonly isLocal: boolean;
}

/** How a server of the API is made: members of a body are never dropped silently, and every refusal is a problem of ours. */
export function serverOptions(isLocal: boolean): FastifyServerOptions {
  return {
    bodyLimit: LIMITS.apiBodyMaxBytes.value,
    forceCloseConnections: true,
    logger: false,
    ajv: { customOptions: { removeAdditional: false, allErrors: false } },
    frameworkErrors: (failure, _request, reply) => {
      sendProblem(reply as FastifyReply, failure, isLocal);
    },
  };
}

/** All procedures of the contract, and the streams. */
export function addApi(server: FastifyInstance, service: Service, place: ApiPlace): void {
  const { prefix } = place;
  addApiMeter(server, service.parts, place.isLocal ? 'local' : 'https');
  server.removeContentTypeParser('text/plain');
  server.setErrorHandler((failure, _request, reply) => sendProblem(reply, failure, place.isLocal));
  server.setNotFoundHandler((request, reply) => {
    const failure = new CausewayError('CW_USAGE', `the API has no ${request.method} ${pathOf(request)}`);
    return sendProblem(reply, failure, place.isLocal, 404);
  });
  for (const name of Object.keys(PROCEDURES) as ProcedureName[]) addProcedure(server, service, place, name);
  const callerOf = (request: FastifyRequest): Caller => place.credentials(request);
  const stream = (procedure: string, querystring?: object) => ({
    config: { procedure, isStream: true },
    ...(querystring !== undefined && { schema: { querystring } }),
  });
  server.get(`${prefix}${WATCH_JOB_PATH}`, stream('watchJob'), (request, reply) =>
    watchJob(service, callerOf, request, reply),
  );
  server.get(`${prefix}${EVENTS_PATH}`, stream('events', EventsRequest), (request, reply) =>
    streamEvents(service, callerOf, request, reply),
  );
  addUploadRoute(server, service, place);
  server.get(`${prefix}${SHARE_EVENTS_PATH}`, stream('shareEvents', ShareEventsRequest), (request, reply) =>
    streamShareEvents(service, callerOf, request, reply),
  );
  addHealth(server, service);
  addOpenApi(server, service, place);
  addScrape(server, service, place);
  const path = `${prefix}${EXPORT_AUDIT_PATH}`;
  server.get(path, stream('exportAudit', AuditFilterRequest), (request, reply) =>
    exportAudit(service, callerOf, request, reply),
  );
}

/** Outside of the prefix: where a scraper looks that is told nothing else. */
function addScrape(server: FastifyInstance, service: Service, { credentials }: ApiPlace): void {
  server.get(SCRAPE_PATH, { config: { procedure: 'scrape' } }, async (request, reply) => {
    await service.permit(credentials(request), 'metrics.read', []);
    const format = formatFor(request.headers.accept);
    const text = expose(await service.parts.metrics.families(), format);
    return reply.type(CONTENT_TYPES[format]).send(text);
  });
}

/** For whoever watches over the daemon: that it answers, which of its parts run, and that it takes work. They tell nothing else. */
function addHealth(server: FastifyInstance, service: Service): void {
  server.get('/healthz', async () => {
    const parts = service.parts.daemon.parts().map(({ name, state }) => [name, state] as const);
    return { alive: true, parts: Object.fromEntries(parts) };
  });
  server.get('/readyz', async (_request, reply) => {
    const ready = (await service.parts.daemon.unready()) === null;
    return reply.status(ready ? 200 : 503).send({ ready });
  });
}

/** It tells nothing of this daemon but its version; who has not signed in learns not even that. */
function addOpenApi(server: FastifyInstance, service: Service, { prefix, credentials }: ApiPlace): void {
  server.get(`${prefix}${OPENAPI_PATH}`, async (request) => {
    await service.permit(credentials(request), 'daemon.status', []);
    return openApiDocument((await service.parts.daemon.status()).version);
  });
}

function addProcedure(server: FastifyInstance, service: Service, place: ApiPlace, name: ProcedureName): void {
  const procedure = PROCEDURES[name];
  const where = procedure.method === 'GET' ? 'querystring' : 'body';
  const isOpen = PROCEDURE_ACTIONS[name] === 'open';
  const hasBody = Object.keys(procedure.body.properties).length > 0;
  server.route({
    method: procedure.method,
    url: `${place.prefix}${procedure.path}`,
    config: { procedure: name },
    schema: { params: procedure.params, ...(hasBody && { [where]: procedure.body }) },
    handler: async (request, reply) => {
      const caller = place.credentials(request);
      if (!place.isLocal) refuseForged(service.parts.identity, request, caller, isOpen);
      return service.call(name, {
        caller,
        params: request.params as Record<string, string>,
        body: where === 'body' ? request.body : request.query,
        key: where === 'body' ? parseIdempotencyKey(request.headers['idempotency-key']) : null,
        setCookie: (cookie) => {
          if (!place.isLocal)
            void reply.header('set-cookie', sessionCookie(cookie, service.parts.identity.sessions.lifeMs));
        },
      });
    },
  });
}

function sendProblem(reply: FastifyReply, failure: unknown, isLocal: boolean, status?: number): FastifyReply {
  const problem = problemOf(failure, isLocal);
  const wait = /wait (\d+) (s|min)$/.exec(problem.code === 'CW_AUTH_LOCKED' ? problem.message : '');
  if (wait) void reply.header('retry-after', Number(wait[1]) * (wait[2] === 'min' ? 60 : 1));
  const sent = { ...problem, status: status ?? problem.status };
  return reply.status(sent.status).type(PROBLEM_TYPE).send(JSON.stringify(sent));
}

/** Without the query, which may hold anything. */
function pathOf({ url }: FastifyRequest): string {
  return url.split('?')[0] ?? '';
}
