import { endianness } from 'node:os';
import type { LineFigures } from '../net.ts';
import { bindLibc } from './libc.ts';

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** Room for `struct tcp_info` of any kernel; what it is in linux/tcp.h, fields are only ever added at its end. */
const INFO_BYTES = 512;
/** The first kernels with all fields read here (5.4) fill this much. */
const NEEDED_BYTES = 232;
const AT = {
  maxSegment: 16,
  unackedSegments: 24,
  roundTripUs: 68,
  resentSegments: 100,
  sentSegments: 136,
  busyUs: 168,
  peerLimitedUs: 176,
  peerWindowBytes: 228,
};

interface Calls {
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
}

const SIGNATURES = {
  getsockopt: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'] },
} as const;

const IS_LITTLE = endianness() === 'LE';

let libc: ReturnType<typeof bindLibc<Calls>> | undefined;

/** What the kernel knows of the TCP connection behind a descriptor; null for what is no TCP, and off Linux. */
export function tcpFigures(fd: number): LineFigures | null {
  libc ??= bindLibc<Calls>(SIGNATURES as never);
  if (libc === null || fd < 0) return null;
  const info = new Uint8Array(INFO_BYTES);
  const length = new Uint8Array(4);
  const lengthView = new DataView(length.buffer);
  lengthView.setUint32(0, INFO_BYTES, IS_LITTLE);
  if (libc.functions.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, length) !== 0) return null;
  const filled = lengthView.getUint32(0, IS_LITTLE);
  if (filled < AT.sentSegments + 4) return null;
  const view = new DataView(info.buffer);
  const u32 = (at: number) => view.getUint32(at, IS_LITTLE);
  const ms = (at: number) => Math.floor(Number(view.getBigUint64(at, IS_LITTLE)) / 1000);
  return {
    roundTripUs: u32(AT.roundTripUs),
    unackedBytes: u32(AT.unackedSegments) * u32(AT.maxSegment),
    sentSegments: u32(AT.sentSegments),
    resentSegments: u32(AT.resentSegments),
    busyMs: ms(AT.busyUs),
    peerLimitedMs: ms(AT.peerLimitedUs),
    peerWindowBytes: filled >= NEEDED_BYTES ? u32(AT.peerWindowBytes) : 0,
  };
}
