import { FairTurns } from '../base/fair_turns.ts';
import { TRAFFIC_CLASSES, type TrafficClass } from '../wire/copy_types.ts';

/** What a copy is to the scheduler. */
export interface FlowSpec {
  readonly vm: string;
  readonly trafficClass: TrafficClass;
  /** Beside other copies of its class with the same machine; > 0. */
  readonly weight: number;
}

/** Bytes that wait for their turn. */
export interface Piece {
  readonly bytes: number;
}

const CLASS_WEIGHTS: Readonly<Record<TrafficClass, number>> = { bulk: 4, background: 1 };

interface ClassShare<P extends Piece> {
  readonly weight: number;
  readonly vms: FairTurns<VmShare<P>>;
  readonly byName: Map<string, VmShare<P>>;
  turnAt: number;
}

interface VmShare<P extends Piece> {
  readonly name: string;
  readonly flows: FairTurns<Flow<P>>;
  /** How many copies it has, waiting or not. */
  joined: number;
  turnAt: number;
}

/** A copy that takes part. Its members belong to the scheduler. */
export interface Flow<P extends Piece> {
  readonly spec: FlowSpec;
  readonly pieces: P[];
  turnAt: number;
}

/**
 * Whose bytes go next, of all copies of a daemon. Bulk and background share 4 : 1, within a class the machines share by
 * their weights, and of each machine its copies by theirs; what one has no use for goes to the others at its level. It
 * knows no time: see SharedRate.
 */
export class FairScheduler<P extends Piece> {
  /** Weight of a machine, > 0; asked at each turn, so that a change counts at once. */
  readonly #weightOf: (vm: string) => number;
  readonly #turns = new FairTurns<ClassShare<P>>({ lenient: true });
  readonly #classes = new Map<TrafficClass, ClassShare<P>>(
    TRAFFIC_CLASSES.map((name) => [
      name,
      { weight: CLASS_WEIGHTS[name], vms: new FairTurns({ lenient: true }), byName: new Map(), turnAt: 0 },
    ]),
  );

  constructor(weightOf: (vm: string) => number) {
    this.#weightOf = weightOf;
  }

  join(spec: FlowSpec): Flow<P> {
    const { byName } = this.#classes.get(spec.trafficClass)!;
    const flows = new FairTurns<Flow<P>>({ lenient: true });
    const vm = byName.get(spec.vm) ?? { name: spec.vm, flows, joined: 0, turnAt: 0 };
    byName.set(spec.vm, vm);
    vm.joined += 1;
    return { spec, pieces: [], turnAt: 0 };
  }

  /** The copy has ended; pieces of it that wait are forgotten. Once for each flow. */
  leave(flow: Flow<P>): void {
    const { share, vm } = this.#placeOf(flow);
    flow.pieces.length = 0;
    this.#rest(flow);
    vm.joined -= 1;
    if (vm.joined === 0) share.byName.delete(vm.name);
  }

  /** A piece waits; those of one copy go in the order in which they came. */
  ask(flow: Flow<P>, piece: P): void {
    const { share, vm } = this.#placeOf(flow);
    flow.pieces.push(piece);
    vm.flows.wait(flow);
    share.vms.wait(vm);
    this.#turns.wait(share);
  }

  /** A piece does not wait any more. */
  withdraw(flow: Flow<P>, piece: P): void {
    const at = flow.pieces.indexOf(piece);
    if (at < 0) return;
    flow.pieces.splice(at, 1);
    this.#rest(flow);
  }

  /** Some time has passed: who has not asked for longer than two of these has missed its turns. */
  mark(): void {
    this.#turns.mark();
    for (const { vms, byName } of this.#classes.values()) {
      vms.mark();
      for (const { flows } of byName.values()) flows.mark();
    }
  }

  /** Takes the piece whose turn it is; null while none waits. */
  next(): P | null {
    const share = this.#turns.next();
    const vm = share?.vms.next();
    const flow = vm?.flows.next();
    if (!share || !vm || !flow) return null;
    const piece = flow.pieces.shift() as P;
    this.#turns.sent(share, piece.bytes, share.weight);
    share.vms.sent(vm, piece.bytes, this.#weightOf(vm.name));
    vm.flows.sent(flow, piece.bytes, flow.spec.weight);
    this.#rest(flow);
    return piece;
  }

  /** Takes out of the turns what has nothing that waits. */
  #rest(flow: Flow<P>): void {
    if (flow.pieces.length > 0) return;
    const { share, vm } = this.#placeOf(flow);
    vm.flows.leave(flow);
    if (vm.flows.size > 0) return;
    share.vms.leave(vm);
    if (share.vms.size === 0) this.#turns.leave(share);
  }

  #placeOf({ spec }: Flow<P>): { readonly share: ClassShare<P>; readonly vm: VmShare<P> } {
    const share = this.#classes.get(spec.trafficClass)!;
    return { share, vm: share.byName.get(spec.vm)! };
  }
}
