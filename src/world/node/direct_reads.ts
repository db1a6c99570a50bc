import type { OnReadOpts, Socket } from 'node:net';
import type { Inbox } from './inbox.ts';

/** `onread` of `net.connect` and `new net.Socket`: the inbox chooses the memory that the kernel or TLS fills. */
export function onreadOf(inbox: Inbox): OnReadOpts {
  return {
    buffer: () => inbox.nextBuffer(),
    callback: (count, buffer) => inbox.landed(count, buffer as Uint8Array),
  };
}

interface Internals {
  readonly _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } | null;
  [key: symbol]: unknown;
}

/**
 * Switches a socket that exists already to `onread`. Node offers that for new sockets only, not for accepted ones, the
 * pipes of a child and TLS over a ready socket, where it saves a third of the receiver's work. So this sets what Node
 * sets itself, and only where everything is found as Node 26 has it; otherwise it does nothing and gives false, and
 * the `data` events that the caller listens to all the same bring the bytes. Call it before the socket has read.
 */
export function enableDirectReads(socket: Socket, inbox: Inbox): boolean {
  const internals = socket as unknown as Internals;
  const keys = new Map(Object.getOwnPropertySymbols(socket).map((key) => [key.description, key]));
  const kBuffer = keys.get('kBuffer');
  const kBufferCb = keys.get('kBufferCb');
  const kBufferGen = keys.get('kBufferGen');
  const handle = internals._handle;
  if (kBuffer === undefined || kBufferCb === undefined || kBufferGen === undefined) return false;
  if (internals[kBuffer] !== null || internals[kBufferCb] !== null || internals[kBufferGen] !== null)
    return false;
  if (typeof handle?.useUserBuffer !== 'function' || socket.readableLength > 0) return false;
  const { callback } = onreadOf(inbox);
  const first = inbox.nextBuffer();
  internals[kBuffer] = first;
  internals[kBufferCb] = callback;
  internals[kBufferGen] = () => inbox.nextBuffer();
  handle.useUserBuffer(first);
  return true;
}
