import { endianness } from 'node:os';
import { bindLibc } from './libc.ts';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** `struct ucred`: process, user, group. */
const UCRED_BYTES = 12;

interface Calls {
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
}

const SIGNATURES = {
  getsockopt: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'] },
} as const;

const IS_LITTLE = endianness() === 'LE';

let libc: ReturnType<typeof bindLibc<Calls>> | undefined;

/** The process at the other end of a Unix socket when it connected (unix(7)); null for any other socket, and off Linux. */
export function peerOf(socket: object): { readonly pid: number; readonly userId: number } | null {
  if (process.platform !== 'linux') return null;
  libc ??= bindLibc<Calls>(SIGNATURES as never);
  const fd = (socket as { readonly _handle?: { readonly fd?: number } })._handle?.fd ?? -1;
  if (libc === null || fd < 0) return null;
  const value = new Uint8Array(UCRED_BYTES);
  const length = new Uint8Array(4);
  const lengthView = new DataView(length.buffer);
  lengthView.setUint32(0, UCRED_BYTES, IS_LITTLE);
  if (libc.functions.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) !== 0) return null;
  if (lengthView.getUint32(0, IS_LITTLE) !== UCRED_BYTES) return null;
  const view = new DataView(value.buffer);
  return { pid: view.getInt32(0, IS_LITTLE), userId: view.getUint32(4, IS_LITTLE) };
}
