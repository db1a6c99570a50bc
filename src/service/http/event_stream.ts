import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Action } from '../../access/rights/actions.ts';
import { decide } from '../../access/rights/decide.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { EventsRequest } from '../../contract/event_schemas.ts';
import type { Caller } from '../caller.ts';
import type { EventBody } from '../event_hub.ts';
import { maySee } from '../job_scope.ts';
import { maySeeVm, shownVm } from '../procedures/machines.ts';
import type { Service } from '../service.ts';
import { Outlet } from './outlet.ts';
import { STREAM_HEADERS } from './security_headers.ts';

type CallerOf = (request: FastifyRequest) => Caller;

/** Streams events as HTML's server-sent events, to who may see what they are about, from where the reader left off. */
export async function streamEvents(
  service: Service,
  callerOf: CallerOf,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  await service.permit(callerOf(request), 'daemon.status', []);
  if (service.events.readers >= LIMITS.eventReadersMax.value)
    throw new CausewayError('CW_LIMIT', 'too many read events at this moment');
  reply.hijack();
  reply.raw.writeHead(200, { ...STREAM_HEADERS, 'content-type': 'text/event-stream' });
  new EventReader(service, () => callerOf(request), reply).begin(sinceOf(request));
}

/** What a reader has seen last; null for one that begins. */
function sinceOf({ query, headers }: FastifyRequest): number | null {
  const last = Number(headers['last-event-id'] ?? Number.NaN);
  return (query as EventsRequest).since ?? (Number.isSafeInteger(last) ? last : null);
}

/** One open stream. A reader that does not keep up misses events and is told so; nothing is queued for it. */
class EventReader {
  readonly #service: Service;
  readonly #caller: () => Caller;
  readonly #raw: FastifyReply['raw'];
  readonly #outlet: Outlet;
  readonly #over = new AbortController();
  #at = 0;

  constructor(service: Service, caller: () => Caller, reply: FastifyReply) {
    this.#service = service;
    this.#caller = caller;
    this.#raw = reply.raw;
    this.#outlet = new Outlet(reply.raw, () => this.#pump());
  }

  begin(since: number | null): void {
    const { events } = this.#service;
    const unread = events.read(() => this.#pump());
    this.#raw.on('close', () => {
      this.#over.abort();
      unread();
    });
    const isWhole = since === null || events.reaches(since);
    this.#at = since !== null && isWhole ? since : events.index;
    this.#hello(!isWhole);
    this.#pump();
    void this.#beat();
  }

  #pump(): void {
    const { events } = this.#service;
    if (this.#over.signal.aborted || this.#outlet.isOver || this.#outlet.isFull) return;
    const caller = this.#proven();
    if (caller === null) return this.#end();
    if (!events.reaches(this.#at)) {
      this.#at = events.index;
      this.#hello(true);
    }
    while (!this.#outlet.isFull) {
      const event = events.next(this.#at);
      if (event === null) return;
      this.#at = event.index;
      const data = dataFor(this.#service, caller, event.body);
      if (data !== null) this.#write(event.body.kind, event.index, data);
    }
  }

  #hello(overflow: boolean): void {
    this.#write('hello', this.#at, { index: this.#at, overflow });
  }

  #write(name: string, index: number, data: object): void {
    this.#outlet.write(`id: ${index}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Who reads, as far as that is still proven. */
  #proven(): Caller | null {
    try {
      const caller = this.#caller();
      const now = { nowMs: this.#service.parts.clock.wallMs(), address: caller.address };
      return decide(caller.principal, 'daemon.status', [], now).allowed ? caller : null;
    } catch {
      return null; // the token is not valid any more
    }
  }

  /** Shows that the stream lives, and looks whether the reader may still read. */
  async #beat(): Promise<void> {
    const { signal } = this.#over;
    const { clock } = this.#service.parts;
    while (!signal.aborted) {
      try {
        await clock.sleep(LIMITS.eventBeatMs.value, signal);
      } catch {
        return; // the reader went away
      }
      if (this.#proven() === null) return this.#end();
      if (!this.#outlet.isFull) this.#outlet.write(': beat\n\n');
    }
  }

  #end(): void {
    this.#over.abort();
    this.#outlet.end();
  }
}

/** What the caller sees of an event; null for nothing. */
function dataFor(service: Service, caller: Caller, body: EventBody): object | null {
  const { parts } = service;
  const now = { nowMs: parts.clock.wallMs(), address: caller.address };
  const may = (action: Action) => decide(caller.principal, action, [], now).allowed;
  switch (body.kind) {
    case 'job':
      return maySee(parts, caller, body.data) ? body.data : null;
    case 'vm':
      return maySeeVm(parts, caller, body.data.name) ? shownVm(parts, caller, body.data) : null;
    case 'vm-removed':
      return maySeeVm(parts, caller, body.data.name) ? body.data : null;
    case 'users':
      return may('user.read') ? body.data : null;
    case 'audit':
      return may('audit.read') ? body.data : null;
  }
}
