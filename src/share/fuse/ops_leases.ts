import { LEASE_OUT_BYTES, putGiven } from './lease_frames.ts';
import { statx } from './ops_attrs.ts';
import { ERRNO, LEASE_ACTION, NO_ANSWER } from './protocol.ts';
import type { FuseState, Operation } from './state.ts';

const REFUSED = { kinds: 0, epoch: 0 };

/** What the other machine says of leases. */
export const lease: Operation = (state) => {
  const { frame, view, leases, node } = state;
  if (leases === null || !frame.holds(16)) return -ERRNO.ENOSYS;
  const [action, kinds, epoch] = [0, 4, 8].map((at) => view.getUint32(frame.body + at, true));
  if (action === LEASE_ACTION.keep) leases.keeps(frame.nodeId, epoch ?? 0, kinds ?? 0);
  else if (action === LEASE_ACTION.forget) leases.forgotten();
  else if (action === LEASE_ACTION.renew) return 0;
  else if (action !== LEASE_ACTION.ask) return -ERRNO.EINVAL;
  else {
    if (node === undefined) return -ERRNO.ESTALE;
    const result = state.nodes.stat(node);
    if (result < 0) return result;
    if (!leases.asks(node, kinds ?? 0)) return answered(state, REFUSED);
  }
  return NO_ANSWER;
};

/** The answer to a question: what the file is like now, and the lease. */
export function answered(
  state: FuseState,
  given: { readonly kinds: number; readonly epoch: number },
): number {
  const result = statx(state);
  if (result < 0) return result;
  putGiven(state.view, state.out, given);
  return LEASE_OUT_BYTES;
}
