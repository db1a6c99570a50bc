import type { Stream, StreamMessage } from '../link/mux/mux.ts';

/** Looks at a message before it is passed on; what it throws ends the pump. */
export type Inspect = (bytes: Uint8Array) => void | Promise<void>;

/**
 * Passes the messages of one stream on to another, in order, until the end, which it passes on too. No bytes are copied:
 * a message is released, and its sender gets new credit, once the receiver's link has let go of it, so that as much is
 * held as the credit of the first stream allows. Rejects with the error of either stream.
 */
export async function pumpStream(from: Stream, to: Stream, inspect?: Inspect): Promise<void> {
  for (;;) {
    const message = await from.receive();
    if (message === null) return to.end();
    await inspected(message, inspect);
    await to.send([message.bytes], () => message.release());
  }
}

async function inspected(message: StreamMessage, inspect: Inspect | undefined): Promise<void> {
  try {
    await inspect?.(message.bytes);
  } catch (failure) {
    message.release();
    throw failure;
  }
}
