import type { CborMap } from './cbor.ts';
import { uint } from './fields.ts';

/**
 * What one side knows of itself and of its end of the link, from which the other side tells why a copy is slow. Whole
 * numbers; a member that the side does not know is missing. Times are sums that only rise, in ms.
 */
export const EVIDENCE_MEMBERS = [
  /** Processor time of the process, and how long its main thread was at work. */
  'cpuMs',
  'mainThreadMs',
  /** Time that writes to the link held the main thread up: encryption and the copy into the kernel. */
  'sendMs',
  /** Time spent compressing. */
  'compressMs',
  /** Waited because the user allows no more. */
  'limitMs',
  /** Waited for the receiving side to settle what is in flight. */
  'windowMs',
  /** Processors of the machine. */
  'cpus',
  /** Free space where the copy goes. */
  'freeBytes',
  /** Time in which something on the machine waited for a processor, a disk, memory. */
  'cpuWaitMs',
  'ioWaitMs',
  'memoryWaitMs',
  /** Time in which threads of the process could run and waited for a processor, all together. */
  'queuedMs',
  /** Threads of the process that wait inside the kernel and cannot be interrupted. */
  'stuckThreads',
  /** Round trip of the transport's acknowledgements, or of the link's pings. */
  'roundTripUs',
  /** Sent and not acknowledged by the other end's session, and how much may be. */
  'inFlightBytes',
  'windowBytes',
  /** Segments of the transport: sent, and of these again. */
  'sentSegments',
  'resentSegments',
  /** What the other end of the transport takes at once, and how long that held this end back. */
  'peerWindowBytes',
  'peerLimitedMs',
] as const;

export type EvidenceMember = (typeof EVIDENCE_MEMBERS)[number];
export type SideEvidence = Readonly<Partial<Record<EvidenceMember, number>>>;

/** Throws CW_WIRE_MALFORMED for a member that is no whole number. */
export function decodeEvidence(m: CborMap): SideEvidence {
  const evidence: Partial<Record<EvidenceMember, number>> = {};
  for (const member of EVIDENCE_MEMBERS) if (m[member] !== undefined) evidence[member] = uint(m, member);
  return evidence;
}
