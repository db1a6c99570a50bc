import { CausewayError } from '../base/errors.ts';
import { type LaneTicket, TICKET_ID_BYTES, TICKET_SECRET_BYTES } from './lane_switch.ts';

/*
 * The frames of a mount may go past the link, over a connection of their own between the two threads that serve it. What the
 * two sides say about that are frames of the mount's stream, each in a message of its own, little endian: u32 length, u32
 * 0x43570002, u64 0, u8 what it says.
 *
 * ask     1: the side with the mount point wishes for one. u8 = 1 and a ticket where the other side shall dial, else 0.
 * offer   2: the answer where the asking side shall dial: a ticket.
 * switch  3: what follows comes over the connection. Said by the side with the mount point, then by the other one.
 * lost    4: u32 messages that came whole since the switch; what follows them comes over the stream.
 *
 * On the connection each message begins with u32 length of what follows the head, and u32 how many messages of the other side
 * have come whole; a message of length 0 says only that, and is not counted.
 */
export type DetourMark =
  | { readonly mark: 'ask'; readonly ticket: LaneTicket | null }
  | { readonly mark: 'offer'; readonly ticket: LaneTicket }
  | { readonly mark: 'switch' }
  | { readonly mark: 'lost'; readonly messages: number };

export const DETOUR_MAGIC = 0x4357_0002;
const HEAD_BYTES = 17;
const MAGIC_AT = 4;
const KIND_AT = 16;
const KINDS = { ask: 1, offer: 2, switch: 3, lost: 4 } as const;
const TICKET_BYTES = TICKET_ID_BYTES + TICKET_SECRET_BYTES;

export function encodeDetourMark(mark: DetourMark): Uint8Array {
  const body = bodyOf(mark);
  const bytes = new Uint8Array(HEAD_BYTES + body.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.byteLength, true);
  view.setUint32(MAGIC_AT, DETOUR_MAGIC, true);
  bytes[KIND_AT] = KINDS[mark.mark];
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

function bodyOf(mark: DetourMark): Uint8Array {
  if (mark.mark === 'switch') return new Uint8Array(0);
  if (mark.mark === 'lost') {
    const body = new Uint8Array(4);
    new DataView(body.buffer).setUint32(0, mark.messages, true);
    return body;
  }
  if (mark.mark === 'offer') return ticketBytes(mark.ticket);
  return mark.ticket === null ? Uint8Array.of(0) : Uint8Array.of(1, ...ticketBytes(mark.ticket));
}

/** Null for a message of frames. CW_WIRE_MALFORMED for one that is about a connection and not as it should be. */
export function decodeDetourMark(message: Uint8Array): DetourMark | null {
  if (message.byteLength < HEAD_BYTES) return null;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (view.getUint32(MAGIC_AT, true) !== DETOUR_MAGIC) return null;
  const body = message.subarray(HEAD_BYTES);
  const { byteLength } = body;
  switch (message[KIND_AT]) {
    case KINDS.ask:
      if (byteLength === 1 && body[0] === 0) return { mark: 'ask', ticket: null };
      if (byteLength === 1 + TICKET_BYTES && body[0] === 1) return { mark: 'ask', ticket: ticketIn(body, 1) };
      break;
    case KINDS.offer:
      if (byteLength === TICKET_BYTES) return { mark: 'offer', ticket: ticketIn(body, 0) };
      break;
    case KINDS.switch:
      if (byteLength === 0) return { mark: 'switch' };
      break;
    case KINDS.lost:
      if (byteLength === 4) return { mark: 'lost', messages: view.getUint32(HEAD_BYTES, true) };
      break;
  }
  throw new CausewayError(
    'CW_WIRE_MALFORMED',
    'a word about the connection of a mount is not as it should be',
  );
}

function ticketBytes({ id, secret }: LaneTicket): Uint8Array {
  const bytes = new Uint8Array(TICKET_BYTES);
  bytes.set(id);
  bytes.set(secret, TICKET_ID_BYTES);
  return bytes;
}

function ticketIn(body: Uint8Array, at: number): LaneTicket {
  return {
    id: body.slice(at, at + TICKET_ID_BYTES),
    secret: body.slice(at + TICKET_ID_BYTES, at + TICKET_BYTES),
  };
}
