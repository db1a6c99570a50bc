import { toHex } from '../base/bytes.ts';
import { SendingLane } from '../link/lane/sending_lane.ts';
import type { Mux, Stream, StreamShare } from '../link/mux/mux.ts';
import { encodeCopyOpening, encodeLaneOpening } from '../wire/copy_messages.ts';
import type { CopyOptions } from '../wire/copy_types.ts';
import type { World } from '../world/world.ts';
import { worldFor } from './class_world.ts';
import type { CopyOutcome, CopyView } from './copy_progress.ts';
import { grantedLanes } from './grants.ts';
import type { LaneRouter } from './lane_router.ts';
import type { LaneOpener } from './link_ports.ts';
import type { SharedFlow } from './shared_rate.ts';
import type { SharedReader } from './shared_reads.ts';
import { SinkRun } from './sink_run.ts';
import { SourceRun } from './source_run.ts';

/** What a copy is, whichever side asks for it. */
export interface CopySpec {
  readonly transferId: Uint8Array;
  /** Which part this side has. */
  readonly role: 'source' | 'sink';
  readonly sources: readonly string[];
  readonly destination: string;
  readonly options: CopyOptions;
}

export interface AttemptParams {
  readonly world: World;
  readonly mux: Mux;
  readonly router: LaneRouter;
  readonly spec: CopySpec;
  readonly signal: AbortSignal;
  readonly shared?: SharedReader | undefined;
  /** Lets bytes go, whichever side sends them; with `paced` in the options where it is the other one. */
  readonly gate?: SharedFlow | undefined;
  readonly keepPartial: () => boolean;
}

/** One attempt of a copy over one link, as seen by the side that asked for it. */
export interface CopyAttempt {
  /** Resolves when everything is in place; throws as SourceRun and SinkRun do. */
  run(): Promise<CopyOutcome>;
  view(): CopyView;
}

/** Opens the transfer with the peer and prepares this side's part. */
export async function startAttempt(params: AttemptParams): Promise<CopyAttempt> {
  const { mux, spec, signal, gate } = params;
  const world = worldFor(params.world, spec.options);
  const peerRole = spec.role === 'source' ? 'sink' : 'source';
  const { transferId, sources, destination } = spec;
  const options = spec.role === 'sink' ? pacedOptions(spec, gate) : spec.options;
  const acceptor = spec.role === 'sink' ? params.router.expect(transferId) : null;
  const opening = encodeCopyOpening({
    transferId,
    role: peerRole,
    sources,
    destination,
    options,
    checkArrival: false,
  });
  const stream = await mux.open('transfer', { streamClass: 'interactive', opening });
  const common = { world, stream, options, signal, keepPartial: params.keepPartial };
  const link = () => mux.stats;
  if (acceptor === null) {
    const { shared } = params;
    const lanes = { ...laneOpener(mux, transferId, options), gate };
    return new SourceRun({ ...common, sources, shared, lanes }, link);
  }
  const lanes = gate ? grantedLanes(acceptor, stream, gate, params) : acceptor;
  const run = new SinkRun({ ...common, transferId, destination, lanes }, link);
  return { run: () => run.run().finally(() => lanes.close()), view: () => run.view() };
}

/** The options of a copy whose source is not here: where its bytes have to wait, it is granted them. */
export function pacedOptions({ options }: CopySpec, gate: SharedFlow | undefined): CopyOptions {
  return gate ? { ...options, paced: true } : options;
}

/** Lanes as streams of the link that also carries the control messages. */
export function laneOpener(mux: Mux, transferId: Uint8Array, options: CopyOptions): LaneOpener {
  const { trafficClass: streamClass = 'bulk' } = options;
  const share = shareOf(options);
  const transfer = toHex(transferId);
  return {
    openLane: async (lane: number): Promise<Stream> => {
      // other classes come before or after, which the link alone sees to
      const { lanes } = mux;
      const direct = Boolean(lanes) && streamClass === 'bulk';
      const opening = encodeLaneOpening({ transferId, lane, direct });
      const stream = await mux.open('lane', { streamClass, share, opening });
      return lanes && direct ? new SendingLane(stream, lanes, transfer) : stream;
    },
  };
}

/** What the lanes of one copy have together of a link. */
export function shareOf({ weight = 1 }: CopyOptions): StreamShare {
  return { weight, turnAt: 0 };
}
