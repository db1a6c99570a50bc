/** Measurements beside the cases: what is not a client's time from start to exit. */
import { RESTART } from './restart.ts';
import { STAGES } from './stages.ts';

export interface ProbeFigure {
  /** By round. */
  readonly values: readonly number[];
}

export interface ProbeRecord {
  readonly what: string;
  readonly date: string;
  readonly quick: boolean;
  /** By label, which names the unit. */
  readonly figures: Readonly<Record<string, ProbeFigure>>;
}

export type ProbeRecords = Readonly<Record<string, ProbeRecord>>;

export interface ProbeContext {
  /** Where data are; undefined: memory where it has the room. */
  readonly directory: string | undefined;
  readonly date: string;
  readonly quick: boolean;
  readonly rounds: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Probe {
  readonly name: string;
  readonly what: string;
  readonly run: (context: ProbeContext) => Promise<ProbeRecord>;
}

export const PROBES: readonly Probe[] = [RESTART, STAGES];
