import type { FastifyReply, FastifyRequest } from 'fastify';
import { exportLines } from '../../access/audit/export.ts';
import { LogReader } from '../../access/audit/reader.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import type { AuditFilterRequest } from '../../contract/audit_schemas.ts';
import type { JobView } from '../../contract/schemas.ts';
import type { Caller } from '../caller.ts';
import { maySee, visibleJob } from '../job_scope.ts';
import { filterDetails } from '../procedures/audit.ts';
import type { Service } from '../service.ts';
import { Outlet } from './outlet.ts';
import { STREAM_HEADERS } from './security_headers.ts';

type CallerOf = (request: FastifyRequest) => Caller;

const LINES = { ...STREAM_HEADERS, 'content-type': 'application/x-ndjson' };

/**
 * Streams the views of a job, one JSON document a line, until it has ended, the reader goes away, or the caller may not see
 * it any more.
 */
export async function watchJob(
  service: Service,
  callerOf: CallerOf,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { id } = request.params as { id: string };
  const { jobs, identity } = service.parts;
  const caller = callerOf(request);
  if (caller.principal.kind === 'nobody') throw new CausewayError('CW_AUTH_REQUIRED', 'nobody has signed in');
  await visibleJob(service.parts, caller, id); // an unknown job is refused as any call is
  reply.hijack();
  reply.raw.writeHead(200, LINES);
  const outlet = new Outlet(reply.raw, () => undefined);
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    unwatch();
    forget();
    outlet.end();
  };
  const write = (view: JobView) => {
    if (over) return;
    if (!mayStill(service, callerOf, request, view)) return end();
    outlet.write(`${JSON.stringify(view)}\n`);
    if (view.endedAtMs !== null) end();
  };
  const unwatch = jobs.watch(id, (view) => {
    // A reader that does not keep up misses views, not the daemon its memory.
    if (view.endedAtMs !== null || !outlet.isFull) write(view);
  });
  const forget = identity.users.onChange(() => {
    void jobs.show(id).then((view) => {
      if (!mayStill(service, callerOf, request, view)) end();
    }, end);
  });
  reply.raw.on('close', end);
  await jobs.show(id).then(write, end); // asked for again: nothing is missed between this and the watch
}

/** Who was proven once may have been signed out, or have lost the right, since. */
function mayStill(service: Service, callerOf: CallerOf, request: FastifyRequest, job: JobView): boolean {
  try {
    const caller = callerOf(request);
    return caller.principal.kind !== 'nobody' && maySee(service.parts, caller, job);
  } catch {
    return false; // the token is not valid any more
  }
}

/** Streams audit records, the oldest first; who asks is recorded before. */
export async function exportAudit(
  service: Service,
  callerOf: CallerOf,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const caller = callerOf(request);
  const filter = request.query as AuditFilterRequest;
  await service.permit(caller, 'audit.read', []);
  const { trail } = service.parts;
  const details = { ...filterDetails(filter), what: 'export' };
  const begun = await trail.begin({ caller, action: 'audit.read', resource: 'audit', details });
  reply.hijack();
  reply.raw.writeHead(200, LINES);
  let wake: () => void = () => undefined;
  const outlet = new Outlet(reply.raw, () => wake());
  const room = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (outlet.isOver || !outlet.isFull) resolve();
    });
  try {
    for await (const line of exportLines(new LogReader(trail.log.place, trail.log.position), filter)) {
      if (outlet.isFull) await room();
      if (outlet.isOver) throw new CausewayError('CW_CANCELLED', 'the reader went away');
      outlet.write(line);
    }
    begun.done();
    outlet.end();
  } catch (failure) {
    begun.failed(asCausewayError(failure));
    outlet.cut(); // a file that is cut off must not look whole
  }
}
