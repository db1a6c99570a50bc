import type { Link, LinkState } from '../link/link.ts';

/** From the worst on: what a copy over several links has to wait for or fails with first. */
const ORDER: readonly LinkState['kind'][] = ['failed', 'closed', 'connecting', 'interrupted', 'up'];

/** Where several links stand together: `up` only while all are, else the state of the worst of them. */
export function jointState(links: readonly [Link, ...Link[]] | readonly Link[]): LinkState {
  const states = links.map(({ state }) => state);
  for (const kind of ORDER) {
    const found = states.find((state) => state.kind === kind);
    if (found) return found;
  }
  return { kind: 'closed' };
}
