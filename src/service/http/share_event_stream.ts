import type { FastifyReply, FastifyRequest } from 'fastify';
import { decide } from '../../access/rights/decide.ts';
import type { Resource } from '../../access/rights/scope.ts';
import { LIMITS } from '../../base/limits.ts';
import type { ShareEventsRequest, ShareEventView } from '../../contract/share_event_schemas.ts';
import type { Caller } from '../caller.ts';
import { isLimited, withPlace } from '../path_places.ts';
import type { ShareEventReader } from '../ports.ts';
import type { Service } from '../service.ts';
import { Outlet } from './outlet.ts';
import { STREAM_HEADERS } from './security_headers.ts';

type CallerOf = (request: FastifyRequest) => Caller;

const ACTION = 'share.watch';

/** Streams the changes of a share as HTML's server-sent events, from where the reader left off. */
export async function streamShareEvents(
  service: Service,
  callerOf: CallerOf,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { name } = request.params as { name: string };
  const caller = callerOf(request);
  const resource = await permitted(service, caller, name);
  const stream = new ShareEventStream({
    service,
    reply,
    mayRead: () => mayStill(service, () => callerOf(request), resource),
  });
  const reader = service.parts.shares.events(name, sinceOf(request), () => stream.pump());
  reply.hijack();
  reply.raw.writeHead(200, { ...STREAM_HEADERS, 'content-type': 'text/event-stream' });
  reply.raw.flushHeaders();
  stream.begin(reader);
}

/** CW_ACCESS_DENIED; CW_SHARE_UNKNOWN for those who may know which shares there are. */
async function permitted(service: Service, caller: Caller, name: string): Promise<Resource> {
  const { shares } = service.parts;
  let path: string;
  try {
    path = shares.sourceOf(name);
  } catch (failure) {
    await service.permit(caller, 'share.read', []);
    throw failure;
  }
  const plain = { kind: 'path', vm: null, path } as const;
  const resource = isLimited(caller.principal) ? await withPlace(service.parts, plain) : plain;
  await service.permit(caller, ACTION, [resource]);
  return resource;
}

function mayStill(service: Service, callerOf: () => Caller, resource: Resource): boolean {
  try {
    const { principal, address } = callerOf();
    const now = { nowMs: service.parts.clock.wallMs(), address };
    return decide(principal, ACTION, [resource], now).allowed;
  } catch {
    return false; // the token is not valid any more
  }
}

function sinceOf({ query, headers }: FastifyRequest): number | null {
  const last = Number(headers['last-event-id'] ?? Number.NaN);
  return (query as ShareEventsRequest).since ?? (Number.isSafeInteger(last) ? last : null);
}

interface StreamParts {
  readonly service: Service;
  readonly reply: FastifyReply;
  readonly mayRead: () => boolean;
}

/** One open stream. A reader that does not keep up is told so, and that is the end. */
class ShareEventStream {
  readonly #parts: StreamParts;
  readonly #outlet: Outlet;
  readonly #over = new AbortController();
  #reader: ShareEventReader | null = null;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    this.#outlet = new Outlet(parts.reply.raw, () => this.pump());
  }

  begin(reader: ShareEventReader): void {
    this.#reader = reader;
    this.#parts.reply.raw.on('close', () => this.#close());
    if (this.#outlet.isOver) return this.#close(); // it went away before
    this.pump();
    void this.#beat();
  }

  pump(): void {
    const reader = this.#reader;
    if (reader === null || this.#over.signal.aborted || this.#outlet.isOver || this.#outlet.isFull) return;
    if (!this.#parts.mayRead()) return this.#end();
    while (!this.#outlet.isFull) {
      const event = reader.next();
      if (event === null) return;
      this.#write(event);
      if (event.kind === 'end') return this.#end();
    }
  }

  #write(event: ShareEventView): void {
    this.#outlet.write(`id: ${event.index}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  /** Shows that the stream lives, and looks whether the reader may still read. */
  async #beat(): Promise<void> {
    const { signal } = this.#over;
    const { clock } = this.#parts.service.parts;
    while (!signal.aborted) {
      try {
        await clock.sleep(LIMITS.eventBeatMs.value, signal);
      } catch {
        return; // the reader went away
      }
      if (!this.#parts.mayRead()) return this.#end();
      if (!this.#outlet.isFull) this.#outlet.write(': beat\n\n');
    }
  }

  #end(): void {
    this.#close();
    this.#outlet.end();
  }

  #close(): void {
    this.#over.abort();
    this.#reader?.close();
    this.#reader = null;
  }
}
