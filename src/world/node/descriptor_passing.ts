import { CausewayError } from '../../base/errors.ts';
import { bindLibc } from './libc.ts';
import { loadFfi } from './syscalls.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
/** `struct msghdr`, `struct iovec`, one byte of data, `struct cmsghdr` with one descriptor; 64 bits. */
const MSGHDR_BYTES = 56;
const IOVEC_AT = 56;
const DATA_AT = 72;
const CONTROL_AT = 80;
const CONTROL_BYTES = 24;

interface Functions {
  socketpair(domain: number, type: number, protocol: number, into: Int32Array): number;
  recvmsg(fd: number, message: Uint8Array, flags: number): bigint;
}

function bind() {
  const libc = bindLibc<Functions>({
    socketpair: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer'] },
    recvmsg: { return: 'i64', arguments: ['i32', 'pointer', 'i32'] },
  });
  if (libc === null) throw new CausewayError('CW_UNSUPPORTED', 'this machine passes no descriptors');
  return libc;
}

/** Two ends of a Unix socket, closed in programs that are started. */
export function socketPair(): [number, number] {
  const { functions, check } = bind();
  const ends = new Int32Array(2);
  check('socketpair', functions.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
  return [ends[0] ?? -1, ends[1] ?? -1];
}

/** The descriptor that lies in a Unix socket. CW_INTERNAL where there is none. */
export function receiveDescriptor(socket: number): number {
  const { functions, check } = bind();
  const memory = Buffer.from(new ArrayBuffer(CONTROL_AT + CONTROL_BYTES));
  const base = loadFfi().getRawPointer(memory);
  memory.writeBigUInt64LE(base + BigInt(IOVEC_AT), 16);
  memory.writeBigUInt64LE(1n, 24);
  memory.writeBigUInt64LE(base + BigInt(CONTROL_AT), 32);
  memory.writeBigUInt64LE(BigInt(CONTROL_BYTES), 40);
  memory.writeBigUInt64LE(base + BigInt(DATA_AT), IOVEC_AT);
  memory.writeBigUInt64LE(1n, IOVEC_AT + 8);
  check('recvmsg', functions.recvmsg(socket, memory.subarray(0, MSGHDR_BYTES), MSG_CMSG_CLOEXEC));
  const isRights =
    memory.readInt32LE(CONTROL_AT + 8) === SOL_SOCKET && memory.readInt32LE(CONTROL_AT + 12) === SCM_RIGHTS;
  if (!isRights) throw new CausewayError('CW_INTERNAL', 'no descriptor came through the socket');
  return memory.readInt32LE(CONTROL_AT + 16);
}
