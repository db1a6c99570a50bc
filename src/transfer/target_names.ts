import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseRelPath, type RelPath } from '../base/path.ts';
import { type ExistingNames, NamePlan } from '../tree/names/name_plan.ts';
import type { NameRules } from '../tree/names/name_rules.ts';
import type { OnClash, Problem, SinkMessage } from '../wire/copy_types.ts';
import { boundedProblems } from './bounded_problems.ts';
import { MARK, type NumberedEntry, type SinkPlan } from './sink_plan.ts';
import { bitsMessages } from './skip_bits.ts';

/** Names that entries get instead of their own, by the path at which they would stand under it. */
export class TargetNames {
  readonly #others = new Map<string, string>();

  /** CW_LIMIT where too many entries cannot keep their name. */
  rename(own: RelPath, name: string): void {
    this.#others.set(own, name);
    if (this.#others.size > LIMITS.renamedNamesMax.value)
      throw new CausewayError('CW_LIMIT', 'too many entries cannot keep their name at the destination');
  }

  get isRenamed(): boolean {
    return this.#others.size > 0;
  }

  /** Where an entry stands, with every folder above it under the name that it has there. */
  of(own: RelPath): RelPath {
    if (this.#others.size === 0) return own;
    let path = '';
    let target = '';
    for (const name of own.split('/')) {
      path = path === '' ? name : `${path}/${name}`;
      const there = this.#others.get(path) ?? name;
      target = target === '' ? there : `${target}/${there}`;
    }
    return parseRelPath(target);
  }

  /** In words, which entries have another name. */
  notes(): string[] {
    const { size } = this.#others;
    if (size === 0) return [];
    const some: string[] = [];
    for (const [own, name] of this.#others) {
      if (some.length === TOLD) break;
      some.push(shown(`${own} is ${name}`));
    }
    const more = size > some.length ? ', and others' : '';
    return [`${size} entries have another name at the destination: ${some.join(', ')}${more}`];
  }
}

export interface NameCheck {
  readonly plan: SinkPlan;
  readonly rules: NameRules;
  readonly onClash: OnClash;
  /** The folder that the destination makes for the entries, or empty. */
  readonly prefix: string;
  readonly existing: ExistingNames;
  readonly names: TargetNames;
  /** Entries in the order of the plan, until the copy is over. */
  untilOver<T>(items: Iterable<T>): Iterable<T>;
}

/** What the destination cannot hold as it is. */
export interface NameFaults {
  /** The first of them. */
  readonly problems: Problem[];
  count: number;
  /** Files that are passed over, by number, rising. */
  readonly skippedFiles: number[];
  /** The folder that takes the entries cannot have its name. */
  isRefused: boolean;
}

/**
 * Looks at every name of the plan before anything is made. With `rename`, `names` has the others afterwards; with `skip`,
 * what cannot be held is marked as nothing to do, with all that lies in it.
 */
export async function checkNames(check: NameCheck): Promise<NameFaults> {
  const { plan, rules, onClash, prefix, existing, names, untilOver } = check;
  const faults: NameFaults = { problems: [], count: 0, skippedFiles: [], isRefused: false };
  const placing = new NamePlan(rules, { existing, renames: onClash === 'rename' });
  if (prefix !== '') note(faults, prefix, (await placing.place(prefix)).fault?.why);
  faults.isRefused = faults.count > 0;
  if (faults.isRefused) return faults;
  let passedOver: string | null = null;
  for (const page of untilOver(
    plan.pages(MARK.folder, MARK.symlink, MARK.emptyFile, MARK.file, MARK.hardLink),
  )) {
    for (const entry of page) {
      const { target, index } = entry;
      if (passedOver !== null && target.startsWith(`${passedOver}/`)) {
        passOver(plan, entry, faults);
        continue;
      }
      const placed = await placing.place(target);
      const name = placed.target.slice(placed.target.lastIndexOf('/') + 1);
      if (onClash === 'rename') {
        if (name !== target.slice(target.lastIndexOf('/') + 1)) names.rename(target, name);
        continue;
      }
      if (placed.fault === null) continue;
      const isFolder = plan.mark(index) === MARK.folder;
      note(faults, entry.entry.path, placed.fault.why + (isFolder ? '; all that is in it' : ''));
      if (onClash !== 'skip') continue;
      passOver(plan, entry, faults);
      if (isFolder) passedOver = target;
    }
  }
  return faults;
}

function passOver(plan: SinkPlan, { index, entry }: NumberedEntry, faults: NameFaults): void {
  plan.setMark(index, entry.kind === 'file' ? MARK.lost : MARK.nothing);
  if (entry.kind === 'file') faults.skippedFiles.push(index);
}

function note(faults: NameFaults, path: string, why: string | undefined): void {
  if (why === undefined) return;
  faults.count += 1;
  if (faults.problems.length < LIMITS.problemsListMax.value)
    faults.problems.push({ path, code: 'CW_COPY_CLASH', message: `the name ${why}` });
}

/** What follows for the copy. */
export interface NameVerdict {
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
  /** For the source. */
  readonly messages: readonly SinkMessage[];
  /** The copy ends with it. */
  readonly refusal: CausewayError | null;
  readonly skippedFiles: number;
}

export const ALL_FIT: NameVerdict = { problems: [], notes: [], messages: [], refusal: null, skippedFiles: 0 };

/** In the place of a file, of a problem that has none. */
const NO_FILE = 0xffff_ffff;
/** How many names are told in a sentence, and how much of each; the rest is listed with the job. */
const TOLD = 8;
const TOLD_CHARACTERS = 120;

export function verdictOf(faults: NameFaults, onClash: OnClash, names: TargetNames): NameVerdict {
  const { problems, count, skippedFiles, isRefused } = faults;
  const verdict = { ...ALL_FIT, problems, notes: names.notes(), skippedFiles: skippedFiles.length };
  if (count === 0) return verdict;
  if (onClash !== 'fail' && !isRefused)
    return { ...verdict, messages: [...bitsMessages('skip', skippedFiles)] };
  const messages = boundedProblems(problems).map(
    (problem): SinkMessage => ({ t: 'problem', problem, file: NO_FILE }),
  );
  return { ...verdict, messages, refusal: refusalOf(faults) };
}

function refusalOf({ count, problems }: NameFaults): CausewayError {
  const some = problems.slice(0, TOLD).map(({ path, message }) => shown(`${path}: ${message}`));
  const more = count > some.length ? `; and ${count - some.length} more` : '';
  return new CausewayError(
    'CW_COPY_CLASH',
    `the destination cannot hold ${count} of the names: ${some.join('; ')}${more}`,
  );
}

function shown(text: string): string {
  return text.length <= TOLD_CHARACTERS ? text : `${text.slice(0, TOLD_CHARACTERS)}…`;
}
