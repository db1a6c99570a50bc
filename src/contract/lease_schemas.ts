import { type Static, Type } from 'typebox';

/** Leases of the mount of a share, by which it need not ask for files that it knows; counts since it is served. */
export const LeaseView = Type.Object({
  held: Type.Integer(),
  granted: Type.Integer(),
  /** Let go of before somebody changed the file, or read what was on its way. */
  broken: Type.Integer(),
  /** Let go of after somebody had changed it who does not wait: programs of the host, SMB. */
  recalled: Type.Integer(),
  /** Taken away, since the machine did not let go in time: what it still writes is refused. */
  fenced: Type.Integer(),
  /** What programs of the mount waited for, until others had let go. */
  waits: Type.Object({
    count: Type.Integer(),
    sumUs: Type.Integer(),
    /** Waits of at most so long, for each bound of the metric `causeway_lease_wait_seconds`. */
    upTo: Type.Array(Type.Integer()),
  }),
});
export type LeaseView = Static<typeof LeaseView>;
