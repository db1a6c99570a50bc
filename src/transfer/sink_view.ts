import type { CopyPhase, Problem } from '../wire/copy_types.ts';
import type { CopyView } from './copy_progress.ts';
import type { EvidenceProbe } from './explain/probe.ts';
import type { PeerProgress } from './peer_progress.ts';
import type { SinkPlan } from './sink_plan.ts';
import type { SinkState } from './sink_state.ts';
import type { StageMeter } from './stage_meter.ts';

interface SinkParts extends Pick<CopyView, 'notes' | 'undo' | 'direct'> {
  readonly phase: CopyPhase;
  readonly plan: SinkPlan;
  readonly state: SinkState;
  readonly peer: PeerProgress;
  readonly meter: StageMeter;
  readonly probe: EvidenceProbe;
  readonly sourceProblems: readonly Problem[];
}

/** What the receiving side knows of a copy. */
export function sinkView(parts: SinkParts): CopyView {
  const { phase, plan, state, peer, meter, probe, sourceProblems, notes, undo, direct } = parts;
  return {
    phase,
    plannedEntries: plan.entries,
    plannedBytes: plan.bytes,
    doneEntries: state.doneEntries,
    sentBytes: peer.latest?.sentBytes ?? 0,
    resentBytes: 0,
    receivedBytes: state.receivedBytes,
    reusedBytes: state.reusedBytes,
    zeroBytes: state.zeroBytes,
    compressed: peer.latest?.compressed ?? null,
    durableBytes: state.durableBytes,
    recoveredBytes: state.recoveredBytes,
    problems: [...sourceProblems, ...state.problems],
    notes: [...notes],
    localStages: meter.figures(),
    remoteStages: peer.stages,
    undo,
    direct,
    lastMoveMs: Math.max(meter.lastMoveMs, peer.lastMoveMs),
    peerHeardMs: peer.heardMs,
    local: probe.reading(),
    remote: peer.reading(),
  };
}
