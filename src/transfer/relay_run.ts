import { type Deferred, deferred, observed } from '../base/deferred.ts';
import { asCausewayError, CausewayError, fromReport } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { orAborted } from '../base/signal.ts';
import type { Mux, Stream } from '../link/mux/mux.ts';
import {
  decodeLaneOpening,
  decodeSinkMessage,
  decodeSourceMessage,
  encodeCopyOpening,
  encodeLaneOpening,
} from '../wire/copy_messages.ts';
import type { World } from '../world/world.ts';
import { type CopyAttempt, type CopySpec, pacedOptions, shareOf } from './copy_attempt.ts';
import { CopyChannel } from './copy_channel.ts';
import type { CopyOutcome, CopyView } from './copy_progress.ts';
import { grantedLanes } from './grants.ts';
import type { LaneRouter } from './lane_router.ts';
import type { LaneAcceptor } from './link_ports.ts';
import { RelayFigures } from './relay_figures.ts';
import { type Inspect, pumpStream } from './relay_pump.ts';
import type { SharedFlow } from './shared_rate.ts';

export interface RelayParams {
  readonly world: World;
  /** The link to the machine that has the source, and where its lanes arrive. */
  readonly source: { readonly mux: Mux; readonly router: LaneRouter };
  /** The link to the machine that takes the copy. */
  readonly sink: { readonly mux: Mux };
  readonly spec: CopySpec;
  readonly signal: AbortSignal;
  readonly keepPartial: () => boolean;
  /** The rates that it shares with other copies. */
  readonly gate?: SharedFlow | undefined;
}

const OVER = new CausewayError('CW_LINK_CLOSED', 'the copy is over');

/** Opens the transfer with both machines and prepares to pass on what they tell each other. */
export async function startRelay(params: RelayParams): Promise<CopyAttempt> {
  const { source, sink, spec, gate } = params;
  const { transferId, sources, destination } = spec;
  const options = pacedOptions(spec, gate);
  const lanes = source.router.expect(transferId);
  // the sink trusts its own link only: where the other one does not vouch for the bytes, it has to look at them
  const checkArrival = source.mux.stats.peer.tlsCipher === null;
  const opening = (role: 'source' | 'sink') =>
    encodeCopyOpening({ transferId, role, sources, destination, options, checkArrival });
  const open = (mux: Mux, role: 'source' | 'sink') =>
    mux.open('transfer', { streamClass: 'interactive', opening: opening(role) });
  try {
    const to = await open(sink.mux, 'sink');
    const from = await open(source.mux, 'source');
    return new RelayRun(params, { from, to, lanes: gate ? grantedLanes(lanes, from, gate, source) : lanes });
  } catch (failure) {
    lanes.close();
    throw failure;
  }
}

interface RelayStreams {
  readonly from: Stream;
  readonly to: Stream;
  readonly lanes: LaneAcceptor;
}

/**
 * One attempt of a copy between two machines through this one: passes on the control messages both ways and each lane,
 * and keeps no file. It is the two ends that copy, verify and resume.
 */
class RelayRun implements CopyAttempt {
  readonly #params: RelayParams;
  readonly #streams: RelayStreams;
  readonly #figures: RelayFigures;
  readonly #complete: Deferred<CopyOutcome> = deferred();
  readonly #failed: Deferred<never> = deferred();
  readonly #laneStreams: Stream[] = [];
  #outcome: CopyOutcome | null = null;

  constructor(params: RelayParams, streams: RelayStreams) {
    this.#params = params;
    this.#streams = streams;
    this.#figures = new RelayFigures(params.world.clock);
    observed(this.#failed.promise);
  }

  view(): CopyView {
    return this.#figures.view();
  }

  async run(): Promise<CopyOutcome> {
    const { from, to, lanes } = this.#streams;
    const forth = this.#passOn(from, to, (bytes) => this.#fromSource(bytes));
    const back = this.#passOn(to, from, (bytes) => this.#fromSink(bytes));
    void this.#takeLanes();
    try {
      const ends = Promise.race([this.#complete.promise, this.#failed.promise]);
      const outcome = await orAborted(ends, this.#params.signal);
      await this.#shortly(Promise.all([forth, back]));
      for (const stream of [from, to]) stream.reset(OVER);
      return outcome;
    } catch (failure) {
      const error = asCausewayError(failure);
      await this.#tellBoth(error);
      throw error;
    } finally {
      lanes.close();
      for (const stream of this.#laneStreams.splice(0)) stream.reset(OVER);
    }
  }

  /** What breaks after the end of the copy takes nothing from it. */
  async #passOn(from: Stream, to: Stream, inspect: (bytes: Uint8Array) => void): Promise<void> {
    try {
      await pumpStream(from, to, inspect);
      if (this.#outcome === null)
        throw new CausewayError('CW_COPY_PEER', 'one of the machines ended the copy before it was complete');
    } catch (failure) {
      this.#failed.reject(asCausewayError(failure));
    }
  }

  #fromSource(bytes: Uint8Array): void {
    const message = decodeSourceMessage(bytes);
    refuseEnd(message);
    this.#figures.sourceSaid(message);
  }

  #fromSink(bytes: Uint8Array): void {
    const message = decodeSinkMessage(bytes);
    refuseEnd(message);
    const outcome = this.#figures.sinkSaid(message);
    if (outcome === null) return;
    this.#outcome = outcome;
    this.#complete.resolve(outcome);
  }

  async #takeLanes(): Promise<void> {
    const { lanes } = this.#streams;
    const share = shareOf(this.#params.spec.options);
    try {
      for (;;) {
        const from = await lanes.next();
        if (from === null) return;
        this.#laneStreams.push(from);
        const { streamClass } = from;
        // each of the two links has its own ways for a lane
        const opening = encodeLaneOpening({ ...decodeLaneOpening(from.opening), direct: false });
        const to = await this.#params.sink.mux.open('lane', { streamClass, opening, share });
        this.#laneStreams.push(to);
        void passLane(from, to, (bytes) => this.#figures.lanePassed(bytes));
        void passLane(to, from);
      }
    } catch (failure) {
      this.#failed.reject(asCausewayError(failure));
    }
  }

  async #tellBoth(error: CausewayError): Promise<void> {
    const { signal, keepPartial, world } = this.#params;
    const stopped = signal.aborted ? { keep: keepPartial() } : null;
    const { from, to } = this.#streams;
    const channels = [
      new CopyChannel(from, decodeSourceMessage),
      new CopyChannel(to, decodeSinkMessage),
    ] as const;
    await Promise.all(channels.map((channel) => channel.fail(error, world.clock, stopped)));
  }

  async #shortly(work: Promise<unknown>): Promise<void> {
    const timer = new AbortController();
    const late = this.#params.world.clock.sleep(LIMITS.farewellMs.value, timer.signal).catch(() => undefined); // the work was done in time
    await Promise.race([work, late]);
    timer.abort();
  }
}

/** A lane that breaks on one side breaks on the other; the machine that misses it says so in its control messages. */
async function passLane(from: Stream, to: Stream, inspect?: Inspect): Promise<void> {
  try {
    await pumpStream(from, to, inspect);
  } catch (failure) {
    const error = asCausewayError(failure);
    from.reset(error);
    to.reset(error);
  }
}

/** The end that one side reports is the end of the relay, which tells the other side in its own words. */
function refuseEnd(message: { readonly t: string } & Partial<{ code: string; message: string }>): void {
  if (message.t === 'stop') throw new CausewayError('CW_CANCELLED', 'one of the machines stopped the copy');
  if (message.t === 'failed') throw fromReport({ code: message.code!, message: message.message! });
}
