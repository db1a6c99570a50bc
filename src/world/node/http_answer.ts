import { COMMAND_LIMITS } from '../../base/command_limits.ts';
import { CausewayError } from '../../base/errors.ts';

const CR = 13;
const LF = 10;
const EMPTY: Uint8Array = new Uint8Array(0);

/** What stands before the body of an answer. Names of fields are in lower case. */
export interface AnswerHead {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
}

type Part = 'head' | 'fixed' | 'size' | 'chunk' | 'chunk-end' | 'trailer' | 'done';

/**
 * Reads one HTTP/1.1 answer (RFC 9112) out of pieces as they come. The body has a Content-Length or is chunked: its end is
 * always told, so that what is cut short is never taken for the whole. An answer that leaves its end open is refused.
 */
export class HttpAnswerReader {
  head: AnswerHead | null = null;
  #part: Part = 'head';
  #line: Uint8Array = EMPTY;
  #left = 0;
  readonly #take: (body: Uint8Array) => void;

  /** `take` gets the pieces of the body; they are views of what was pushed. */
  constructor(take: (body: Uint8Array) => void) {
    this.#take = take;
  }

  get isComplete(): boolean {
    return this.#part === 'done';
  }

  /** Throws CW_DAEMON_ANSWER for what is no such answer, or goes on behind its end. */
  push(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#part === 'done') throw damaged('goes on behind its end');
      rest = this.#part === 'fixed' || this.#part === 'chunk' ? this.#body(rest) : this.#lineOf(rest);
    }
  }

  #body(bytes: Uint8Array): Uint8Array {
    const piece = bytes.subarray(0, this.#left);
    this.#left -= piece.length;
    this.#take(piece);
    if (this.#left === 0) this.#part = this.#part === 'fixed' ? 'done' : 'chunk-end';
    return bytes.subarray(piece.length);
  }

  /** Takes bytes up to the end of a line, or of the whole head, and gives what follows. */
  #lineOf(bytes: Uint8Array): Uint8Array {
    const known = this.#line.length;
    const all = known === 0 ? bytes : Buffer.concat([this.#line, bytes]);
    const end = this.#part === 'head' ? endOfHead(all, known) : endOfLine(all, known);
    if ((end < 0 ? all.length : end) > COMMAND_LIMITS.localAnswerHeadBytes.value)
      throw damaged('has a head without end');
    if (end < 0) {
      this.#line = all;
      return EMPTY;
    }
    this.#line = EMPTY;
    this.#onLine(Buffer.from(all.buffer, all.byteOffset, end).toString('latin1'));
    return all.subarray(end);
  }

  #onLine(text: string): void {
    switch (this.#part) {
      case 'head':
        return this.#onHead(text);
      case 'size':
        return this.#onSize(text.trimEnd());
      case 'chunk-end':
        if (text !== '\r\n') throw damaged('has a chunk of another length than it says');
        this.#part = 'size';
        return;
      default:
        if (text === '\r\n') this.#part = 'done';
    }
  }

  #onHead(text: string): void {
    const [first = '', ...lines] = text.trimEnd().split('\r\n');
    const status = /^HTTP\/1\.1 ([1-5]\d\d)(?: |$)/.exec(first)?.[1];
    if (status === undefined) throw damaged('does not begin as an answer does');
    // An interim answer (RFC 9110, 15.2) stands before the one that counts.
    if (status.startsWith('1')) return;
    const fields = new Map(lines.map(fieldOf));
    this.head = { status: Number(status), fields };
    const length = fields.get('content-length');
    if (fields.get('transfer-encoding')?.toLowerCase() === 'chunked') this.#part = 'size';
    else if (status === '204' || status === '304' || length === '0') this.#part = 'done';
    else if (length !== undefined && /^\d{1,15}$/.test(length)) {
      this.#left = Number(length);
      this.#part = 'fixed';
    } else throw damaged('does not say where it ends');
  }

  #onSize(line: string): void {
    const size = /^([\da-f]{1,8})(?:;.*)?$/i.exec(line)?.[1];
    if (size === undefined) throw damaged('has a chunk without a length');
    this.#left = Number.parseInt(size, 16);
    this.#part = this.#left === 0 ? 'trailer' : 'chunk';
  }
}

/** Where the empty line behind the head ends, or -1; `from` bytes have been looked at before. */
function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(LF, Math.max(0, from - 3)); at >= 0; at = bytes.indexOf(LF, at + 1))
    if (at >= 3 && bytes[at - 1] === CR && bytes[at - 2] === LF && bytes[at - 3] === CR) return at + 1;
  return -1;
}

function endOfLine(bytes: Uint8Array, from: number): number {
  return bytes.indexOf(LF, from) + 1 || -1;
}

function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon <= 0) throw damaged('has a line in its head that is no field');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function damaged(how: string): CausewayError {
  return new CausewayError(
    'CW_DAEMON_ANSWER',
    `what answers there is not Causeway's daemon, or is damaged: the answer ${how}`,
  );
}
