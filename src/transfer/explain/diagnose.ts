import type { ErrorCode } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Stage } from '../../wire/stages.ts';
import { CAUSE_TEXTS, type CauseId, filled } from './causes.ts';
import { type Evidence, isHeard, type Side, type SideNow } from './evidence.ts';
import { spaceFigures } from './figures.ts';
import { limiting } from './limiting.ts';
import { type Condition, type Finding, RULES, type Rule } from './rules.ts';

/** Why a copy is as fast as it is, in words; the same text with the same figures, whoever shows it. */
export interface Explanation {
  readonly id: CauseId;
  /** `stalled`: nothing has moved for LIMITS.stallAfterMs; `waiting`: there is no link, not for as long; `slow`: something moves. */
  readonly kind: 'stalled' | 'waiting' | 'slow';
  readonly stage: Stage;
  readonly side: Side;
  /** Share of the time looked at, 0 to 1. */
  readonly share: number;
  readonly cause: string;
  readonly evidence: string;
  readonly fix: string;
  /** What stands in braces in the texts, for whoever has the texts in another language. */
  readonly figures: Readonly<Record<string, string>>;
}

/** Less than this would be noise. */
const SHORTEST_MS = 3_000;
/** A link that carries nothing for less than this is back before anybody can look. */
const BLIP_MS = 2_000;
/** A first attempt to connect that has got nowhere for this long says that nothing answers. */
const UNANSWERED_MS = 2_000;
const FULL_CODES: readonly ErrorCode[] = ['CW_DISK_FULL', 'CW_DISK_QUOTA', 'CW_COPY_NO_SPACE'];

/** Null while nothing can be said: too little was seen, or nothing in particular limits. */
export function diagnose(e: Evidence, rules: readonly Rule[] = RULES): Explanation | null {
  const condition = conditionOf(e);
  if (condition === null) return null;
  const at = limiting(e);
  if (condition === 'slow' && (!isMeasured(e) || (at === null && !isPaced(e)))) return null;
  for (const rule of rules) {
    if (!rule.in.includes(condition)) continue;
    const finding = rule.find(e, at);
    if (finding !== null) return explanation(rule.id, kindOf(e, condition), finding);
  }
  return null;
}

/** Why a copy has failed, where its error has a cause of its own. */
export function diagnoseFailure(code: ErrorCode, sink: SideNow, leftBytes: number): Explanation | null {
  if (!FULL_CODES.includes(code)) return null;
  const figures = spaceFigures(sink.last.freeBytes, leftBytes);
  const at = { stage: 'destinationWrite', side: sink.side, share: 1 } as const;
  return explanation('disk-full', 'slow', { at, figures });
}

function conditionOf(e: Evidence): Condition | null {
  const { up, downMs, reached } = e.link;
  if (!up) return e.quietMs >= BLIP_MS && (reached !== null || downMs >= UNANSWERED_MS) ? 'down' : null;
  return e.quietMs >= LIMITS.stallAfterMs.value ? 'still' : 'slow';
}

function kindOf(e: Evidence, condition: Condition): Explanation['kind'] {
  if (condition === 'slow') return 'slow';
  return e.quietMs >= LIMITS.stallAfterMs.value ? 'stalled' : 'waiting';
}

/** Whether each side that tells has told enough: what one of them does not know yet may be the cause. */
function isMeasured({ source, sink }: Evidence): boolean {
  return [source, sink].every((now) => {
    const { lengthMs, last, rise } = now;
    const knows = Object.keys(rise).length > 0 || Object.keys(last).length === 0;
    return !isHeard(now) || (lengthMs >= SHORTEST_MS && knows);
  });
}

function isPaced(e: Evidence): boolean {
  return (e.source.rise.limitMs ?? 0) > 0;
}

function explanation(id: CauseId, kind: Explanation['kind'], { at, figures }: Finding): Explanation {
  const { cause, evidence, fix } = CAUSE_TEXTS[id];
  const fill = (text: string) => filled(text, figures);
  return { id, kind, ...at, cause: fill(cause), evidence: fill(evidence), fix: fill(fix), figures };
}
