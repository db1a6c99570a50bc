import { CausewayError } from '../base/errors.ts';
import type { FrameCodec } from './compression.ts';

/*
 * A frame is a row of pairs: count (1 to 255) and the byte that stands so often. Simple, and the same everywhere: for
 * worlds without threads and without libraries.
 */
const RUN_MAX = 255;

/** Frames that only make runs of equal bytes smaller. */
export const RUN_FRAMES: FrameCodec = {
  encode: (bytes, into) => {
    let end = 0;
    for (let at = 0; at < bytes.byteLength; ) {
      if (end + 2 > into.byteLength) return null;
      const byte = bytes[at]!;
      let run = 1;
      while (run < RUN_MAX && bytes[at + run] === byte) run += 1;
      into[end] = run;
      into[end + 1] = byte;
      end += 2;
      at += run;
    }
    return end;
  },
  decode: (frame, into) => {
    let end = 0;
    for (let at = 0; at + 1 < frame.byteLength; at += 2) {
      const run = frame[at]!;
      if (run === 0 || end + run > into.byteLength) throw damaged();
      into.fill(frame[at + 1]!, end, end + run);
      end += run;
    }
    if (frame.byteLength % 2 !== 0 || end !== into.byteLength) throw damaged();
  },
};

function damaged(): CausewayError {
  return new CausewayError('CW_WIRE_MALFORMED', 'a compressed message is damaged');
}
