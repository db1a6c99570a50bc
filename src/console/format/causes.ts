import type { JobView } from '../../contract/schemas.ts';
import type { CauseWords } from '../messages/en/causes.ts';
import type { Messages } from '../messages/en/index.ts';

const FIGURE = /\{(\w+)\}/g;
/** Between the parts of a text in a table of this console. */
const SEPARATOR = '；';
/** What the daemon gives for a figure that it does not know. */
const UNKNOWN = '–';

/** Why a copy is as it is, in the language of the page; null where that has no words of its own for the cause. */
export function causeWords(
  { explanation: why, vm, fromVm }: JobView,
  { causes, job }: Pick<Messages, 'causes' | 'job'>,
): CauseWords | null {
  const words = why ? causes[why.id] : undefined;
  if (!why || words === undefined) return null;
  const name = (side: string): string =>
    side === 'host' ? job.sides.host : side === 'source' ? (fromVm ?? vm) : vm;
  const { local, stage, ...figures } = why.figures ?? {};
  const known: Record<string, string> = { ...figures, side: name(why.side) };
  if (local !== undefined) known['local'] = name(local);
  known['stage'] = job.stages[why.stage as keyof typeof job.stages] ?? stage ?? why.stage;
  const fill = (text: string): string => filled(text, known);
  return { cause: fill(words.cause), evidence: fill(words.evidence), fix: fill(words.fix) };
}

/** A part with a figure that is not known is left out, as long as another one stays. */
function filled(text: string, figures: Readonly<Record<string, string>>): string {
  const value = (name: string): string => figures[name] ?? UNKNOWN;
  const parts = text.split(SEPARATOR);
  const told = parts.filter((part) =>
    [...part.matchAll(FIGURE)].every(([, name]) => value(name!) !== UNKNOWN),
  );
  return (told.length > 0 ? told : parts).join(SEPARATOR).replace(FIGURE, (_, name: string) => value(name));
}
