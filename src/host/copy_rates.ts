import { LIMITS } from '../base/limits.ts';
import type { StartJobRequest } from '../contract/schemas.ts';
import { type SharedFlow, SharedRate } from '../transfer/shared_rate.ts';
import type { Clock } from '../world/clock.ts';

const CHUNK_MS = 5;

/** The rate of a daemon: what its copies send to machines, and what they get from them, each at most nine tenths of it. */
export class CopyRates {
  readonly bytesPerSecond: number;
  /** What copies are cut into that ask for nothing else: what the rate takes in 5 ms or less, so that others need not wait long behind it. */
  readonly chunkBytes: number;
  readonly #into: SharedRate;
  readonly #outOf: SharedRate;

  constructor(clock: Clock, bytesPerSecond: number, weightOf: (vm: string) => number) {
    this.bytesPerSecond = bytesPerSecond;
    const { chunkMinBytes, chunkDefaultBytes } = LIMITS;
    const fitting = 2 ** Math.floor(Math.log2((bytesPerSecond / 1000) * CHUNK_MS));
    this.chunkBytes = Math.min(Math.max(fitting, chunkMinBytes.value), chunkDefaultBytes.value);
    this.#into = new SharedRate(clock, bytesPerSecond, weightOf);
    this.#outOf = new SharedRate(clock, bytesPerSecond, weightOf);
  }

  /** How the rate is used, by direction. */
  get figures() {
    return { in: this.#into.figures, out: this.#outOf.figures } as const;
  }

  /** A place for a copy among those that run. Leave it at the end. */
  join(request: StartJobRequest): SharedFlow {
    const { direction, vm, fromVm = vm, weight = 1, trafficClass = 'bulk' } = request;
    const spec = { trafficClass, weight };
    if (direction === 'in') return this.#into.join({ ...spec, vm });
    if (direction === 'out') return this.#outOf.join({ ...spec, vm });
    return inTurn(this.#outOf.join({ ...spec, vm: fromVm }), this.#into.join({ ...spec, vm }));
  }
}

/** Bytes that pass twice: from one machine, then to another. */
function inTurn(first: SharedFlow, second: SharedFlow): SharedFlow {
  return {
    bytesPerSecond: first.bytesPerSecond,
    take: async (bytes, signal, onWaiting) => {
      await first.take(bytes, signal, onWaiting);
      await second.take(bytes, signal, onWaiting);
    },
    leave: () => {
      first.leave();
      second.leave();
    },
  };
}
