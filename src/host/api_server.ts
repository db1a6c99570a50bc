import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { PROCEDURES } from '../contract/procedures.ts';
import { type ProcedureName, WATCH_JOB_PATH } from '../contract/routes.ts';
import type {
  AddVmRequest,
  JobView,
  ListJobsRequest,
  PairRequest,
  SetVmRequest,
  StartGroupRequest,
  StartJobRequest,
  UndoJobRequest,
} from '../contract/schemas.ts';
import type { Daemon } from './daemon.ts';

interface Call {
  readonly params: Record<string, string>;
  /** What a GET has in its query, or the body of another method. */
  readonly body: unknown;
}

type Handler = (daemon: Daemon, call: Call) => Promise<unknown>;

/** What answers each procedure. The type makes sure that none is missing. */
const HANDLERS: Readonly<Record<ProcedureName, Handler>> = {
  status: async (daemon) => daemon.status(),
  stop: async (daemon) => {
    daemon.requestStop();
    return {};
  },
  listVms: async (daemon) => daemon.machines.views(),
  addVm: async (daemon, { body }) => daemon.machines.add(body as AddVmRequest),
  showVm: async (daemon, { params }) => daemon.machines.view(params['name']!),
  setVm: async (daemon, { params, body }) => daemon.machines.set(params['name']!, body as SetVmRequest),
  removeVm: async (daemon, { params }) => {
    await daemon.machines.remove(params['name']!);
    return {};
  },
  pairVm: async (daemon, { params, body }) => daemon.machines.pair(params['name']!, body as PairRequest),
  listJobs: async (daemon, { body }) => daemon.jobs.list(body as ListJobsRequest),
  startJob: async (daemon, { body }) => daemon.jobs.start(body as StartJobRequest),
  startGroup: async (daemon, { body }) => daemon.groups.start(body as StartGroupRequest),
  showGroup: async (daemon, { params }) => daemon.groups.show(params['id']!),
  showJob: async (daemon, { params }) => daemon.jobs.show(params['id']!),
  cancelJob: async (daemon, { params }) => daemon.jobs.cancel(params['id']!),
  pauseJob: async (daemon, { params }) => daemon.jobs.pause(params['id']!),
  undoJob: async (daemon, { params, body }) => daemon.jobs.undo(params['id']!, body as UndoJobRequest),
  resumeJob: async (daemon, { params }) => daemon.jobs.resume(params['id']!),
  interruptJob: async (daemon, { params }) => daemon.jobs.interrupt(params['id']!),
};

/** The daemon's API on a Unix socket in its data directory; whoever may open the socket may do everything. */
export async function serveApi(daemon: Daemon, socketPath: string): Promise<FastifyInstance> {
  const server = fastify({
    bodyLimit: LIMITS.apiBodyMaxBytes.value,
    forceCloseConnections: true,
    logger: false,
  });
  server.setErrorHandler((failure, _request, reply) => sendError(reply, failure));
  server.setNotFoundHandler((request, reply) =>
    sendError(reply, new CausewayError('CW_USAGE', `the API has no ${request.method} ${request.url}`)),
  );
  for (const [name, procedure] of Object.entries(PROCEDURES)) {
    const where = procedure.method === 'GET' ? 'querystring' : 'body';
    const schema = Object.keys(procedure.body.properties).length === 0 ? {} : { [where]: procedure.body };
    server.route({
      method: procedure.method,
      url: procedure.path,
      schema,
      handler: (request) =>
        HANDLERS[name as ProcedureName](daemon, {
          params: request.params as Record<string, string>,
          body: where === 'body' ? request.body : request.query,
        }),
    });
  }
  server.get(WATCH_JOB_PATH, (request, reply) => watchJob(daemon, request, reply));
  await server.listen({ path: socketPath });
  return server;
}

/** Streams the views of a job, one JSON document a line, until it has ended or the reader goes away. */
async function watchJob(daemon: Daemon, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const id = (request.params as { id: string }).id;
  await daemon.jobs.show(id); // an unknown job is refused as any call is
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': 'application/x-ndjson' });
  let over = false;
  const unwatch = daemon.jobs.watch(id, (view) => {
    // A reader that does not keep up misses views, not the daemon its memory.
    if (view.endedAtMs !== null || !reply.raw.writableNeedDrain) write(view);
  });
  const write = (view: JobView) => {
    if (over) return;
    reply.raw.write(`${JSON.stringify(view)}\n`);
    if (view.endedAtMs === null) return;
    over = true;
    unwatch();
    reply.raw.end();
  };
  reply.raw.on('close', unwatch);
  write(await daemon.jobs.show(id)); // asked for again: nothing is missed between this and the watch
}

function sendError(reply: FastifyReply, failure: unknown): void {
  const invalid =
    (failure as { validation?: unknown }).validation !== undefined ||
    (failure as { statusCode?: number }).statusCode === 400;
  const error = invalid
    ? new CausewayError('CW_USAGE', (failure as Error).message)
    : asCausewayError(failure);
  const status = invalid
    ? 400
    : error.code.endsWith('_UNKNOWN')
      ? 404
      : error.exit === 4 || error.exit === 2
        ? 409
        : 500;
  void reply.status(status).send(error.report());
}
