import { concat, equalBytes } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { crc32c } from './crc32c.ts';

/*
 * A lane begins as a stream of the link. Where it is fast and the link is a socket, the two ends give it a connection of
 * its own; what they say to each other about that are messages of the stream whose first byte no message of a lane has
 * (lane_message.ts), little endian:
 *
 * from the sink    ready 0xe8: u8 = 1 if the sink dials, else 0 and a ticket. acknowledged 0xe9: u32 messages since the switch.
 *                  lost 0xea: u32 messages that came whole since the switch; the rest is to come over the link.
 * from the source  offer 0xe1: a ticket, the sink shall dial. switch 0xe2: what follows comes over the connection.
 *                  lost 0xe3: the connection broke.
 * A ticket is 16 bytes that name the lane and 32 that are its secret. On the connection each message begins with u32 length of its head and
 * u32 CRC32C of the head; length 0 ends it, and the stream goes on.
 */
export interface LaneTicket {
  /** Said in the clear, to find the lane. */
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
}

export type LaneMark =
  | { readonly mark: 'ready'; readonly ticket: LaneTicket | null }
  | { readonly mark: 'acknowledged' | 'lostAt'; readonly messages: number }
  | { readonly mark: 'offer'; readonly ticket: LaneTicket }
  | { readonly mark: 'switch' | 'lost' };

export const TICKET_ID_BYTES = 16;
export const TICKET_SECRET_BYTES = 32;
const TICKET_BYTES = TICKET_ID_BYTES + TICKET_SECRET_BYTES;

const OFFER = 0xe1;
const SWITCH = 0xe2;
const LOST = 0xe3;
const READY = 0xe8;
const ACKNOWLEDGED = 0xe9;
const LOST_AT = 0xea;

export function encodeLaneMark(mark: LaneMark): Uint8Array {
  switch (mark.mark) {
    case 'ready':
      return mark.ticket === null
        ? Uint8Array.of(READY, 1)
        : concat([Uint8Array.of(READY, 0), mark.ticket.id, mark.ticket.secret]);
    case 'offer':
      return concat([Uint8Array.of(OFFER), mark.ticket.id, mark.ticket.secret]);
    case 'acknowledged':
      return counted(ACKNOWLEDGED, mark.messages);
    case 'lostAt':
      return counted(LOST_AT, mark.messages);
    case 'switch':
      return Uint8Array.of(SWITCH);
    case 'lost':
      return Uint8Array.of(LOST);
  }
}

/** Null for a message that is not about the connection. Throws CW_WIRE_MALFORMED for one that is and has another length than it should. */
export function decodeLaneMark(message: Uint8Array): LaneMark | null {
  switch (message[0]) {
    case READY: {
      const dials = message[1] === 1;
      expectLength(message, dials ? 2 : 2 + TICKET_BYTES);
      return { mark: 'ready', ticket: dials ? null : ticketAt(message, 2) };
    }
    case OFFER:
      expectLength(message, 1 + TICKET_BYTES);
      return { mark: 'offer', ticket: ticketAt(message, 1) };
    case ACKNOWLEDGED:
      return { mark: 'acknowledged', messages: countOf(message) };
    case LOST_AT:
      return { mark: 'lostAt', messages: countOf(message) };
    case SWITCH:
      expectLength(message, 1);
      return { mark: 'switch' };
    case LOST:
      expectLength(message, 1);
      return { mark: 'lost' };
    default:
      return null;
  }
}

function counted(kind: number, count: number): Uint8Array {
  const message = new Uint8Array(5);
  message[0] = kind;
  new DataView(message.buffer).setUint32(1, count, true);
  return message;
}

function countOf(message: Uint8Array): number {
  expectLength(message, 5);
  return new DataView(message.buffer, message.byteOffset).getUint32(1, true);
}

function ticketAt(message: Uint8Array, at: number): LaneTicket {
  return {
    id: message.slice(at, at + TICKET_ID_BYTES),
    secret: message.slice(at + TICKET_ID_BYTES, at + TICKET_BYTES),
  };
}

function expectLength(message: Uint8Array, sizeBytes: number): void {
  if (message.byteLength === sizeBytes) return;
  throw new CausewayError('CW_WIRE_MALFORMED', `a word about a lane has ${message.byteLength} bytes`);
}

const PREAMBLE_MAGIC = Uint8Array.from([0x02, 0x43, 0x57, 0x4c, 0x41, 0x4e, 0x45, 0x01]); // \x02CWLANE\x01
export const LANE_MAGIC_BYTES = PREAMBLE_MAGIC.byteLength;
/** What the dialling side of a lane's connection says first; the answer is one byte, {@link LANE_WELCOME}. */
export const LANE_PREAMBLE_BYTES = LANE_MAGIC_BYTES + TICKET_ID_BYTES;
export const LANE_WELCOME = 1;

export function encodeLanePreamble(id: Uint8Array): Uint8Array {
  return concat([PREAMBLE_MAGIC, id]);
}

export function isLanePreamble(first: Uint8Array): boolean {
  return equalBytes(first.subarray(0, LANE_MAGIC_BYTES), PREAMBLE_MAGIC);
}

export function ticketIdOf(preamble: Uint8Array): Uint8Array {
  return preamble.slice(LANE_MAGIC_BYTES, LANE_PREAMBLE_BYTES);
}

const ENVELOPE_BYTES = 8;

/** `head` with what lets the other end check it: data are checked by their own hashes. */
export function encodeLaneEnvelope(head: Uint8Array): Uint8Array {
  const whole = new Uint8Array(ENVELOPE_BYTES + head.byteLength);
  const view = new DataView(whole.buffer);
  view.setUint32(0, head.byteLength, true);
  view.setUint32(4, crc32c(head), true);
  whole.set(head, ENVELOPE_BYTES);
  return whole;
}

/** The message inside. Throws CW_WIRE_CRC, CW_WIRE_TRUNCATED. */
export function openLaneEnvelope(piece: Uint8Array): Uint8Array {
  const message = piece.subarray(Math.min(piece.byteLength, ENVELOPE_BYTES));
  const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
  const headBytes = piece.byteLength < ENVELOPE_BYTES ? Number.POSITIVE_INFINITY : view.getUint32(0, true);
  if (headBytes > message.byteLength)
    throw new CausewayError('CW_WIRE_TRUNCATED', 'a message of a lane is shorter than its head');
  if (crc32c(message.subarray(0, headBytes)) !== view.getUint32(4, true))
    throw new CausewayError('CW_WIRE_CRC', 'a message of a lane was damaged on the way');
  return message;
}
