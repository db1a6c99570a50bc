import { asCausewayError, CausewayError, fromReport } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { orAborted } from '../base/signal.ts';
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../wire/cbor.ts';
import { mapOf, oneOf, text } from '../wire/fields.ts';
import type { Mux, Stream } from './mux/mux.ts';

/** Answers one method. Throws a CausewayError for the caller. */
export type RpcHandler = (params: CborMap, signal: AbortSignal) => Promise<CborValue>;

/** Asks the peer: one stream, one request in its opening, one answer. Throws what the peer reports, CW_LINK_*, CW_CANCELLED. */
export async function callRpc(
  mux: Mux,
  method: string,
  params: CborMap,
  signal: AbortSignal,
): Promise<CborMap> {
  const stream = await mux.open('rpc', { streamClass: 'control', opening: encodeCbor({ method, params }) });
  try {
    const message = await orAborted(stream.receive(), signal);
    if (message === null)
      throw new CausewayError('CW_WIRE_TRUNCATED', `the peer ended ${method} without an answer`);
    const answer = mapOf(decodeCbor(message.bytes), 'answer');
    message.release();
    if (oneOf(answer, 'kind', ['result', 'error']) === 'error') {
      throw fromReport({ code: text(answer, 'code'), message: text(answer, 'message') });
    }
    await stream.end();
    return mapOf(answer['result'], 'result');
  } catch (failure) {
    const error = asCausewayError(failure);
    stream.reset(error);
    throw error;
  }
}

/** Answers one stream that the peer opened for a request. Never throws. */
export async function answerRpc(
  stream: Stream,
  handlers: Readonly<Record<string, RpcHandler>>,
  signal: AbortSignal,
): Promise<void> {
  try {
    const bytes = await answerOf(stream, handlers, signal);
    await stream.send([bytes]);
    await stream.end();
  } catch (failure) {
    stream.reset(asCausewayError(failure));
  }
}

async function answerOf(
  stream: Stream,
  handlers: Readonly<Record<string, RpcHandler>>,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    const request = mapOf(decodeCbor(stream.opening), 'request');
    const method = text(request, 'method', LIMITS.nameMaxBytes.value);
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
    if (!handler)
      throw new CausewayError('CW_UNSUPPORTED', `the other side does not know ${method}: it may be older`);
    return encodeCbor({ kind: 'result', result: await handler(mapOf(request['params'], 'params'), signal) });
  } catch (failure) {
    const { code, message } = asCausewayError(failure);
    return encodeCbor({ kind: 'error', code, message });
  }
}
