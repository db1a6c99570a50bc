/** What a lease lets its holder do without asking, as bits; the letters of SMB leases (MS-SMB2 3.3.5.9.8). */
export const LEASE = {
  none: 0,
  /** Serves what it has read: nobody else changes the file. */
  read: 1,
  /** Keeps what it has written for itself for a while: nobody else opens the file. */
  write: 2,
  /** Keeps the file open when a program closes it: nobody else removes or renames it. */
  handle: 4,
  all: 7,
} as const;

/** Bits of {@link LEASE}. */
export type LeaseKinds = number;

/** What was given: the kinds, none of them where it was refused, and the number that tells this lease from all others. */
export interface LeaseGiven {
  readonly kinds: LeaseKinds;
  /** Rises with each lease; 0 where none was given. Writes carry it, so that those of a lease that is over are refused. */
  readonly epoch: number;
}

/** What a client with leases offers to whoever caches files in it, by whatever names files are told apart there. */
export interface LeaseHolder<File> {
  /** Asks for a lease of these kinds; some of them, or none, may be given. */
  acquire(file: File, kinds: LeaseKinds): Promise<LeaseGiven>;
  /**
   * Calls when a lease is to be given back but for the kinds `kept`. The handler resolves once nothing is kept any more that
   * needs the others; what it does after LIMITS.leaseBreakMs comes too late.
   */
  onBreak(handler: (file: File, kept: LeaseKinds) => Promise<void>): void;
  /** Of the lease that is held on a file; 0 where there is none. */
  epoch(file: File): number;
}
