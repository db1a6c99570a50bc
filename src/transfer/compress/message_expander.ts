import { sharedBytes } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import type { CompressedMessage, LaneMessage, SentLaneMessage } from '../../wire/lane_message.ts';
import { decodeLaneMessage } from '../../wire/lane_message.ts';
import type { Offload } from '../../world/offload.ts';
import type { StageMeter } from '../stage_meter.ts';
import { decompressJob } from './frame_jobs.ts';

/** Coding of the frames that this build reads, as `ready` tells the source. */
export const CODINGS = ['zstd'] as const;

/** Makes the messages of one lane what they were before they were compressed. */
export class MessageExpander {
  readonly #meter: StageMeter;
  readonly #offload: Offload;
  #room: Uint8Array = new Uint8Array(0);

  constructor(meter: StageMeter, offload: Offload) {
    this.#meter = meter;
    this.#offload = offload;
  }

  /**
   * The message; `release` is called once its own bytes are not needed any more. What comes of a compressed one is valid
   * until the next call. Of a frame that is damaged come zeros, which do not have the hash of what was lost: that is found
   * as for any other damage, and sent again. Throws CW_WIRE_* for what no honest source sends.
   */
  async expand(message: SentLaneMessage, release: () => void): Promise<LaneMessage> {
    if (message.type !== 'compressed') return message;
    const plain = await this.#plain(message);
    release();
    return decodeLaneMessage(plain);
  }

  async #plain({ head, plainBytes, frame }: CompressedMessage): Promise<Uint8Array> {
    const wholeBytes = head.byteLength + plainBytes; // bounded by the decoder of the message
    if (this.#room.byteLength < wholeBytes) this.#room = sharedBytes(wholeBytes);
    const whole = this.#room.subarray(0, wholeBytes);
    whole.set(head);
    const into = whole.subarray(head.byteLength);
    try {
      await this.#meter.run('decompress', plainBytes, () =>
        this.#offload.run(decompressJob, { frame, into }),
      );
    } catch (failure) {
      const error = asCausewayError(failure);
      if (error.code !== 'CW_WIRE_MALFORMED') throw error;
      into.fill(0); // nothing of what came before in this memory stands for what was lost
    }
    return whole;
  }
}
