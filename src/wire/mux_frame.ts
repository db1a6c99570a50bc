import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { readU32, writeU32 } from './session_record.ts';

/*
 * A frame of the mux: a header of 16 bytes, little endian, and the payload.
 *
 *    0  type u8     open 1, data 2, credit 3, end 4, reset 5
 *    1  class u8    control 0, interactive 1, bulk 2, background 3
 *    2  flags u8    bit 0: last frame of its message
 *    3  reserved u8 = 0
 *    4  stream id u32, not 0; odd when the dialling side opened the stream
 *    8  payload length u32
 *   12  message length u32: of the whole message in its first frame (open, data), 0 in every other frame
 *
 *   open    kind u8 and the opening bytes, as one message; the stream exists from its first frame on
 *   data    a piece of a message
 *   credit  u32: bytes that the receiver of this frame may send in addition
 *   end     no payload: no more messages from this side
 *   reset   why both directions end at once (see reason.ts)
 */
export const FRAME_TYPES = { open: 1, data: 2, credit: 3, end: 4, reset: 5 } as const;
export type FrameType = keyof typeof FRAME_TYPES;

export const STREAM_CLASSES = ['control', 'interactive', 'bulk', 'background'] as const;
export type FrameClass = (typeof STREAM_CLASSES)[number];

const STREAM_KINDS = ['rpc', 'transfer', 'lane', 'ping', 'mount'] as const;
export type FrameKind = (typeof STREAM_KINDS)[number];

export const FRAME_HEADER_BYTES = 16;
export const CREDIT_BYTES = 4;
const FLAG_LAST = 1;

/** What a message costs of a stream's credit besides its bytes, so that empty messages are not free. */
export const MESSAGE_COST_BYTES = 64;

const TYPE_NAMES: readonly (FrameType | undefined)[] = [undefined, 'open', 'data', 'credit', 'end', 'reset'];

export interface FrameHeader {
  readonly type: FrameType;
  readonly streamClass: FrameClass;
  readonly last: boolean;
  readonly streamId: number;
  readonly lengthBytes: number;
  /** Of the whole message; 0 unless this is its first frame. */
  readonly messageBytes: number;
}

/** Writes a header at `at`; returns the offset behind it. */
export function writeFrameHeader(target: Uint8Array, at: number, header: FrameHeader): number {
  target[at] = FRAME_TYPES[header.type];
  target[at + 1] = STREAM_CLASSES.indexOf(header.streamClass);
  target[at + 2] = header.last ? FLAG_LAST : 0;
  target[at + 3] = 0;
  writeU32(target, at + 4, header.streamId);
  writeU32(target, at + 8, header.lengthBytes);
  writeU32(target, at + 12, header.messageBytes);
  return at + FRAME_HEADER_BYTES;
}

/** Reads the header at `at`. Throws CW_WIRE_TOO_LARGE for lengths beyond the limits, CW_WIRE_MALFORMED for anything else that is wrong. */
export function readFrameHeader(source: Uint8Array, at: number): FrameHeader {
  const type = TYPE_NAMES[source[at] as number];
  const streamClass = STREAM_CLASSES[source[at + 1] as number];
  const flags = source[at + 2] as number;
  if (type === undefined) throw malformed(`unknown frame type ${source[at]}`);
  if (streamClass === undefined) throw malformed(`unknown stream class ${source[at + 1]}`);
  const flagsMax = type === 'open' || type === 'data' ? FLAG_LAST : 0;
  if (flags > flagsMax || source[at + 3] !== 0) throw malformed(`unknown flags in a frame of type ${type}`);
  const header: FrameHeader = {
    type,
    streamClass,
    last: flags === FLAG_LAST,
    streamId: readU32(source, at + 4),
    lengthBytes: readU32(source, at + 8),
    messageBytes: readU32(source, at + 12),
  };
  if (header.streamId === 0) throw malformed('a frame for stream 0');
  checkLengths(header);
  return header;
}

/** Longest message of a type; 0 for a type that carries none. */
export function messageMaxBytes(type: FrameType): number {
  if (type === 'data') return LIMITS.frameMaxBytes.value;
  return type === 'open' ? LIMITS.messageMaxBytes.value + 1 : 0;
}

function checkLengths(header: FrameHeader): void {
  const { type, lengthBytes, messageBytes, last } = header;
  if (type === 'open' || type === 'data') {
    const maxBytes = messageMaxBytes(type);
    if (lengthBytes > maxBytes || messageBytes > maxBytes) {
      throw tooLarge(type, Math.max(lengthBytes, messageBytes));
    }
    if (lengthBytes === 0 && !last) throw malformed(`an empty piece of a message in a frame of type ${type}`);
    return;
  }
  if (messageBytes !== 0) throw malformed(`a message length in a frame of type ${type}`);
  if (type === 'reset' && lengthBytes > LIMITS.reasonMaxBytes.value) throw tooLarge(type, lengthBytes);
  if (type === 'credit' && lengthBytes !== CREDIT_BYTES) throw malformed(`a credit of ${lengthBytes} bytes`);
  if (type === 'end' && lengthBytes !== 0) throw malformed('an end with a payload');
}

export function kindCode(kind: FrameKind): number {
  return STREAM_KINDS.indexOf(kind) + 1;
}

/** Throws CW_WIRE_MALFORMED for an unknown code. */
export function kindOf(code: number | undefined): FrameKind {
  const kind = STREAM_KINDS[(code ?? 0) - 1];
  if (kind === undefined) throw malformed(`unknown stream kind ${code}`);
  return kind;
}

function tooLarge(type: FrameType, sizeBytes: number): CausewayError {
  return new CausewayError('CW_WIRE_TOO_LARGE', `a frame of type ${type} announces ${sizeBytes} bytes`);
}

function malformed(message: string): CausewayError {
  return new CausewayError('CW_WIRE_MALFORMED', message);
}
