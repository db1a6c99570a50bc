import { muxSuite } from '../../../test/conformance/mux.suite.ts';
import { testSeed } from '../../../test/link/seeded.ts';
import { SessionPair } from '../../../test/link/session_pair.ts';
import { createNodeClock } from '../../world/node/clock.ts';
import type { Integrity } from '../session/session.ts';
import { createMux } from './create_mux.ts';

const seed = testSeed();
for (const integrity of ['tls', 'crc32c'] as const satisfies readonly Integrity[]) {
  muxSuite(`memory carrier, ${integrity}`, {
    seed,
    run: (body) => {
      const clock = createNodeClock();
      const pair = new SessionPair({ clock, integrity });
      const a = createMux(pair.a, { dialer: true, clock });
      return body({ a, b: createMux(pair.b, { dialer: false, clock }), clock });
    },
  });
}
