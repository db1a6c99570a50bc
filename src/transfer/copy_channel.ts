import { observed } from '../base/deferred.ts';
import { CausewayError, fromReport } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Stream } from '../link/mux/mux.ts';
import { encodeCopyMessage } from '../wire/copy_messages.ts';
import type { SinkMessage, SourceMessage } from '../wire/copy_types.ts';
import type { Clock } from '../world/clock.ts';

/** A reason longer than this is cut. */
const FAIL_TEXT_MAX = 2_000;

/** The control stream of one copy, seen from one side: typed messages in order, errors of the peer as errors. */
export class CopyChannel<Out extends SourceMessage | SinkMessage, In extends SourceMessage | SinkMessage> {
  readonly #stream: Stream;
  readonly #decode: (bytes: Uint8Array) => In;
  #sending: Promise<void> = Promise.resolve();

  constructor(stream: Stream, decode: (bytes: Uint8Array) => In) {
    this.#stream = stream;
    this.#decode = decode;
  }

  /** Sends in the order of the calls. Rejects with the stream's error. */
  send(message: Out): Promise<void> {
    return this.sendEncoded(encodeCopyMessage(message));
  }

  /** The same for a message that is encoded already. */
  sendEncoded(bytes: Uint8Array): Promise<void> {
    const sent = this.#sending.then(() => this.#stream.send([bytes]));
    this.#sending = sent.catch(() => undefined); // each caller sees its own failure; the chain only keeps the order
    return sent;
  }

  /** The next message; null after the peer's end. Rejects with the error that the peer reports, or the stream's. */
  async receive(): Promise<In | null> {
    return (await this.receiveWithBytes())?.message ?? null;
  }

  /** The same, with the message as it travelled. */
  async receiveWithBytes(): Promise<{ readonly message: In; readonly bytes: Uint8Array } | null> {
    const received = await this.#stream.receive();
    if (received === null) return null;
    const bytes = received.bytes.slice();
    received.release();
    const message = this.#decode(bytes);
    if (message.t === 'failed') throw fromReport(message);
    return { message, bytes };
  }

  async end(): Promise<void> {
    await this.#sending;
    await this.#stream.end();
  }

  /**
   * Tells the peer why, as far as the stream takes it within a short time, and ends. `stop` is for a copy that a user
   * ended. Never throws.
   */
  async fail(error: CausewayError, clock: Clock, stop: { keep: boolean } | null): Promise<void> {
    const failed: SourceMessage & SinkMessage = {
      t: 'failed',
      code: error.code,
      message: error.message.slice(0, FAIL_TEXT_MAX),
    };
    const bytes = encodeCopyMessage(stop === null ? failed : { t: 'stop', keep: stop.keep });
    const timer = new AbortController();
    const told = this.#stream.send([bytes]).then(() => this.#stream.end());
    const late = clock.sleep(LIMITS.farewellMs.value, timer.signal).then(() => {
      throw new CausewayError('CW_TIMEOUT', 'the peer takes no message');
    });
    try {
      await Promise.race([told, observed(late)]);
    } catch {
      this.#stream.reset(error); // the stream is dead or stuck: it ends without a farewell
    } finally {
      timer.abort();
      observed(told);
    }
  }

  reset(error: CausewayError): void {
    this.#stream.reset(error);
  }
}
