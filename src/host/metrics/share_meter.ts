import type { Tallies } from '../../telemetry/tallies.ts';
import type { HttpReply, HttpRequest } from '../../world/http.ts';

/** Methods that clients of WebDAV use; what else somebody sends counts as one. */
const METHODS = new Set(
  'GET HEAD PUT DELETE MKCOL COPY MOVE LOCK UNLOCK PROPFIND PROPPATCH OPTIONS POST'.split(' '),
);

/** Counts what clients ask of a share, and the bytes of both directions. */
export class ShareMeter {
  readonly #tallies: Tallies;

  constructor(tallies: Tallies) {
    this.#tallies = tallies;
  }

  /** The request and the reply that are to be used instead. */
  measured(
    share: string,
    request: HttpRequest,
    reply: HttpReply,
  ): { readonly request: HttpRequest; readonly reply: HttpReply } {
    const tallies = this.#tallies;
    const method = METHODS.has(request.method) ? request.method : 'other';
    return {
      request: {
        method: request.method,
        target: request.target,
        header: (name) => request.header(name),
        address: request.address,
        isEncrypted: request.isEncrypted,
        body: counted(request.body, (sizeBytes) =>
          tallies.add('causeway_share_received_bytes', { share }, sizeBytes),
        ),
      },
      reply: {
        get isBegun() {
          return reply.isBegun;
        },
        begin: (status, headers) => {
          tallies.add('causeway_share_requests', { share, method, status: String(status) });
          reply.begin(status, headers);
        },
        write: async (bytes) => {
          const sizeBytes = bytes.byteLength;
          await reply.write(bytes);
          tallies.add('causeway_share_sent_bytes', { share }, sizeBytes);
        },
        end: async (bytes) => {
          await reply.end(bytes);
          if (bytes !== undefined) tallies.add('causeway_share_sent_bytes', { share }, bytes.byteLength);
        },
        lend: () => {
          const lent = reply.lend();
          if (lent === null) return null;
          return {
            fd: lent.fd,
            get isOpen() {
              return lent.isOpen;
            },
            sent: (sizeBytes) => {
              lent.sent(sizeBytes);
              tallies.add('causeway_share_sent_bytes', { share }, sizeBytes);
            },
            giveBack: () => lent.giveBack(),
          };
        },
        cut: () => reply.cut(),
      },
    };
  }
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  count: (sizeBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    count(piece.byteLength);
    yield piece;
  }
}
