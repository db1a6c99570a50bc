import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { wrong } from './load_work.ts';

const READ_BUFFER_BYTES = 256 * 1024;
const HEAD_MAX_BYTES = 64 * 1024;

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
  readonly isEncrypted: boolean;
  /** Lines of a head that each request has, each with its line break. */
  readonly headers: string;
}

export interface LoadRequest {
  readonly method: string;
  readonly path: string;
  /** Further lines, each with its line break. */
  readonly headers?: string;
  readonly body?: { readonly sizeBytes: number; readonly blocks: Iterable<Uint8Array> };
}

interface Answer {
  status: number;
  /** Bytes that are still to come; Infinity until the head is read or the last chunk has come. */
  left: number;
  chunks: 'none' | 'size' | 'data' | 'end' | 'trailer';
}

/** One connection of an HTTP/1.1 client that does as little as can be for each byte: it shall not be what is measured. */
export class LoadHttp {
  readonly #address: HttpAddress;
  readonly #socket: Socket;
  /** What was read of a head or of the size of a chunk. */
  #text = '';
  #answer: Answer = { status: 0, left: Number.POSITIVE_INFINITY, chunks: 'none' };
  #take: (bytes: Uint8Array) => void = () => undefined;
  #settle: PromiseWithResolvers<number> | null = null;

  private constructor(address: HttpAddress, socket: Socket) {
    this.#address = address;
    this.#socket = socket;
  }

  static open(address: HttpAddress): Promise<LoadHttp> {
    const { promise, resolve, reject } = Promise.withResolvers<LoadHttp>();
    const { host, port, isEncrypted } = address;
    let client: LoadHttp | null = null;
    const onread = {
      buffer: new Uint8Array(READ_BUFFER_BYTES),
      callback: (count: number, buffer: Uint8Array) => {
        client?.received(buffer.subarray(0, count));
        return true;
      },
    };
    const ready = () => {
      client = new LoadHttp(address, socket);
      resolve(client);
    };
    // the certificate is the server's own and nobody's secret is at stake: everything stays on this machine
    const insecure = { rejectUnauthorized: false, minVersion: 'TLSv1.3' } as const;
    const socket: Socket = isEncrypted
      ? connectTls({ ...insecure, host, port, onread } as ConnectionOptions, ready)
      : connect({ host, port, onread }, ready);
    socket.setNoDelay(true);
    socket.on('error', (failure) => {
      reject(failure);
      client?.failed(failure);
    });
    socket.on('close', () => client?.failed(wrong('the server has closed the connection')));
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** The status; `take` gets the bytes of the body, which are valid only while it runs. */
  async ask(request: LoadRequest, take: (bytes: Uint8Array) => void = () => undefined): Promise<number> {
    const { method, path, headers = '', body } = request;
    this.#text = '';
    this.#answer = { status: 0, left: Number.POSITIVE_INFINITY, chunks: 'none' };
    this.#take = take;
    this.#settle = Promise.withResolvers<number>();
    const settled = this.#settle.promise;
    settled.catch(() => undefined); // awaited below, or the write has failed of the same
    const length = body === undefined ? '' : `Content-Length: ${body.sizeBytes}\r\n`;
    const { host, port } = this.#address;
    const head = `${method} ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n${this.#address.headers}${headers}${length}\r\n`;
    this.#socket.write(head, 'latin1');
    for (const block of body?.blocks ?? []) await this.#send(block);
    return settled;
  }

  #send(block: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.write(block, (failure) => (failure ? reject(failure) : resolve()));
    return promise;
  }

  failed(failure: Error): void {
    this.#settle?.reject(failure);
    this.#settle = null;
  }

  received(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.byteLength && this.#settle !== null; )
        at += this.#accept(bytes.subarray(at));
    } catch (failure) {
      this.failed(failure as Error);
      this.close();
    }
  }

  /** How many of them it has taken. */
  #accept(bytes: Uint8Array): number {
    const answer = this.#answer;
    if (answer.status === 0) return this.#head(bytes);
    if (answer.chunks === 'size') return this.#chunkSize(bytes);
    if (answer.chunks === 'end' || answer.chunks === 'trailer') return this.#lineEnd(bytes);
    const taken = bytes.subarray(0, answer.left);
    this.#take(taken);
    answer.left -= taken.byteLength;
    if (answer.left === 0) {
      if (answer.chunks === 'none') this.#done();
      else answer.chunks = 'end';
    }
    return taken.byteLength;
  }

  #head(bytes: Uint8Array): number {
    const before = this.#text.length;
    this.#text += Buffer.from(
      bytes.buffer,
      bytes.byteOffset,
      Math.min(bytes.byteLength, HEAD_MAX_BYTES),
    ).toString('latin1');
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#text.length > HEAD_MAX_BYTES) throw wrong('the head of an answer has no end');
      return bytes.byteLength;
    }
    const head = this.#text.slice(0, end);
    this.#text = '';
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
    if (status === 0) throw wrong(`no answer of HTTP/1.1: ${head.slice(0, 80)}`);
    const isChunked = /^transfer-encoding:\s*chunked/im.test(head);
    const length = Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
    const isInterim = status < 200;
    this.#answer = {
      status: isInterim ? 0 : status,
      left: isChunked || isInterim ? Number.POSITIVE_INFINITY : length,
      chunks: isChunked ? 'size' : 'none',
    };
    if (!isInterim && !isChunked && length === 0) this.#done();
    return end + 4 - before;
  }

  #chunkSize(bytes: Uint8Array): number {
    const before = this.#text.length;
    this.#text += Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 32)).toString(
      'latin1',
    );
    const end = this.#text.indexOf('\r\n');
    if (end < 0) {
      if (this.#text.length > 32) throw wrong('the size of a chunk has no end');
      return bytes.byteLength;
    }
    const left = Number.parseInt(this.#text, 16);
    this.#text = '';
    this.#answer.left = left;
    this.#answer.chunks = left === 0 ? 'trailer' : 'data';
    return end + 2 - before;
  }

  /** After a chunk, or after the last one; trailers are not sent by servers of files. */
  #lineEnd(bytes: Uint8Array): number {
    const needed = 2 - this.#text.length;
    const taken = Math.min(needed, bytes.byteLength);
    this.#text += '.'.repeat(taken);
    if (this.#text.length === 2) {
      this.#text = '';
      if (this.#answer.chunks === 'trailer') this.#done();
      else this.#answer.chunks = 'size';
    }
    return taken;
  }

  #done(): void {
    this.#settle?.resolve(this.#answer.status);
    this.#settle = null;
  }
}
