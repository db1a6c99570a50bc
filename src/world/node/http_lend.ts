import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { LIMITS } from '../../base/limits.ts';
import type { LentConnection } from '../http.ts';
import { secondDescriptor } from './file_sender.ts';

/** The connection of an answer that has begun; null with TLS, and while something is still to be sent over it. */
export function lendConnection(response: ServerResponse): LentConnection | null {
  const { socket } = response;
  // with chunks the bytes of the body would need more around them
  if (!(socket instanceof Socket) || 'encrypted' in socket || response.chunkedEncoding) return null;
  if (!response.headersSent || socket.writableLength > 0 || response.writableLength > 0) return null;
  const handle = (socket as { readonly _handle?: { readonly fd?: number } | null })._handle;
  const second = handle?.fd === undefined || handle.fd < 0 ? null : secondDescriptor(handle.fd);
  if (second === null) return null;
  let isLent = true;
  // who breaks the connection off closes his own descriptor only
  const broken = () => {
    if (isLent) second.shutdown();
  };
  socket.once('close', broken);
  return {
    fd: second.fd,
    get isOpen() {
      return !socket.destroyed;
    },
    sent: () => void socket.setTimeout(LIMITS.httpIdleMs.value), // as if it had been written to
    giveBack: () => {
      if (!isLent) return;
      isLent = false;
      socket.off('close', broken);
      second.close();
    },
  };
}
