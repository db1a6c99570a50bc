import { concat, fromUtf8 } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import type { HttpRequest } from '../../world/http.ts';
import { DavFailure } from './failure.ts';
import { parseXml, type XmlElement } from './xml.ts';

/** The XML of a request; null for an empty body. 400, and 413 for more than LIMITS.davXmlMaxBytes. */
export async function readXml(request: HttpRequest): Promise<XmlElement | null> {
  const parts: Uint8Array[] = [];
  let sum = 0;
  for await (const part of request.body) {
    sum += part.byteLength;
    if (sum > LIMITS.davXmlMaxBytes.value) throw new DavFailure(413, 'the body is too large');
    parts.push(part.slice()); // it is valid until the next one comes
  }
  if (sum === 0) return null;
  const bytes = concat(parts);
  const text = fromUtf8(bytes) ?? utf16(bytes);
  if (text === null || text.includes('\0')) throw new DavFailure(400, 'the XML is not valid UTF-8');
  return parseXml(text.replace(/^\ufeff/, ''));
}

/** UTF-16 with its mark, which XML processors must read too. */
function utf16(bytes: Uint8Array): string | null {
  const [first, second] = bytes;
  if (!((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))) return null;
  return new TextDecoder(first === 0xff ? 'utf-16le' : 'utf-16be').decode(bytes);
}

/** 415 for a body where none has a meaning. */
export async function refuseBody(request: HttpRequest): Promise<void> {
  const length = request.header('content-length');
  if ((length !== null && length !== '0') || request.header('transfer-encoding') !== null)
    throw new DavFailure(415, 'this request has no body');
}

/** Gathers text and sends it in pieces, from the same memory each time. */
export class PieceWriter {
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  #parts: string[] = [];
  #length = 0;
  #memory = Buffer.alloc(0);

  constructor(write: (bytes: Uint8Array) => Promise<void>) {
    this.#write = write;
  }

  add(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }

  /** Whether there is enough to be sent. */
  get isFull(): boolean {
    return this.#length >= LIMITS.davListPieceBytes.value;
  }

  /** Sends bytes behind what was gathered; they must not be changed before this resolves. */
  async pass(bytes: Uint8Array): Promise<void> {
    await this.flush();
    if (bytes.byteLength > 0) await this.#write(bytes);
  }

  async flush(): Promise<void> {
    const text = this.#parts.join('');
    this.#parts = [];
    this.#length = 0;
    if (text === '') return;
    const neededBytes = Buffer.byteLength(text);
    if (this.#memory.byteLength < neededBytes) this.#memory = Buffer.allocUnsafeSlow(neededBytes);
    const count = this.#memory.write(text);
    await this.#write(this.#memory.subarray(0, count));
  }
}
