import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type {
  CachePolicy,
  CacheWish,
  JournalSettings,
  PartialJournalSettings,
  WritesView,
} from '../contract/cache_schemas.ts';
import type { FarRuleSettings } from '../share/fuse/far_rule.ts';
import type { WaitPolicy } from '../wire/wait_policy.ts';

const START_PERCENT = 50;
const STOP_PERCENT = 45;

/** What the record of a mount says of its writes. */
export interface WritesWish {
  readonly cachePolicy?: CachePolicy;
  /** Of blocks; of a journal what may wait in it. */
  readonly cacheBytes?: number;
  /** It has a journal, whatever its policy is now. */
  readonly hasJournal?: boolean;
  readonly journal?: PartialJournalSettings;
}

/** Whether what is written in it may wait in a journal. */
export function hasJournal(wish: WritesWish): boolean {
  return wish.hasJournal === true || wish.cachePolicy === 'write-back' || wish.cachePolicy === 'split';
}

export function journalSettingsOf({ cacheBytes, journal }: WritesWish): JournalSettings {
  return {
    dirtyMaxBytes: cacheBytes ?? LIMITS.writeBackDirtyMaxBytes.value,
    ageMs: LIMITS.writeBackAgeMs.value,
    intervalMs: 0,
    batch: LIMITS.writeBackWaveMax.value,
    startPercent: START_PERCENT,
    stopPercent: STOP_PERCENT,
    splitBytes: LIMITS.writeBackSplitBytes.value,
    cutoffBytes: 0,
    ...journal,
  };
}

/** Of one with a journal. */
export function waitPolicyOf(wish: WritesWish): WaitPolicy {
  const { cachePolicy = 'write-back' } = wish;
  return { writes: cachePolicy === 'none' ? 'write-through' : cachePolicy, ...journalSettingsOf(wish) };
}

/** What a record has to say of its writes: nothing more where they go through. */
export function keptWrites(wish: WritesWish): WritesWish {
  const { cacheBytes, cachePolicy, journal } = wish;
  const kept = cacheBytes === undefined ? {} : { cacheBytes };
  if (!hasJournal(wish)) return kept;
  return {
    ...kept,
    ...(cachePolicy && { cachePolicy }),
    ...(wish.hasJournal && { hasJournal: true }),
    ...(journal && { journal }),
  };
}

/**
 * What is to be remembered where a cache is set while it works; the rest of the record stays. CW_USAGE where that cannot be had
 * without mounting anew.
 */
export function setWish(old: WritesWish, { policy, journal }: CacheWish, name: string): WritesWish {
  if (policy === 'none')
    throw new CausewayError(
      'CW_USAGE',
      `${name}: \`none\` is no policy of a mount with a cache; take it away and mount it anew`,
    );
  const isJournal = hasJournal(old);
  if (!isJournal && old.cacheBytes === undefined)
    throw new CausewayError(
      'CW_USAGE',
      `${name} has no cache: mount it anew with --cache-size or --cache-policy`,
    );
  const wish = {
    cachePolicy: policy ?? old.cachePolicy ?? (isJournal ? 'write-back' : 'write-through'),
    ...(isJournal && { hasJournal: true }),
    journal: { ...old.journal, ...journal },
  };
  if (!isJournal) checkBlockWish({ journal }, policy);
  checkWatermarks({ ...old, ...wish });
  return wish;
}

/** What a cache of blocks, which has no journal, can be told. CW_USAGE. */
export function checkBlockWish(
  { journal = {} }: { readonly journal?: PartialJournalSettings | undefined },
  policy?: CachePolicy,
): void {
  if (policy === 'write-back' || policy === 'split')
    throw new CausewayError(
      'CW_USAGE',
      `it has no journal in which anything could wait: take it away, and mount it anew with --cache-policy ${policy}`,
    );
  if (Object.keys(journal).some((name) => name !== 'cutoffBytes'))
    throw new CausewayError(
      'CW_USAGE',
      'settings of a journal go with the cache policies write-back and split; without one there is --sequential-cutoff',
    );
}

/** Of one with a cache of blocks. */
export function ruleOf({ cachePolicy, journal }: WritesWish): FarRuleSettings {
  return {
    isAround: cachePolicy === 'around',
    isReadOnly: cachePolicy === 'read-only',
    cutoffBytes: journal?.cutoffBytes ?? 0,
  };
}

/** CW_USAGE. */
export function checkWatermarks(wish: WritesWish): void {
  const { startPercent, stopPercent } = journalSettingsOf(wish);
  if (stopPercent > startPercent)
    throw new CausewayError(
      'CW_USAGE',
      `sending on would stop at ${stopPercent} % and start at ${startPercent} %: it has to stop at no more than it starts at`,
    );
}

/** What becomes of writes, as it is shown; null where nothing of the machine is kept and nothing waits. */
export function writesView(wish: WritesWish): WritesView | null {
  const isJournal = hasJournal(wish);
  if (!isJournal && wish.cacheBytes === undefined) return null;
  const policy = wish.cachePolicy ?? 'write-through';
  return {
    policy,
    writeback: writebackOf(policy, isJournal),
    direct: !isJournal && policy === 'around',
    noFlush: false,
    journal: isJournal ? journalSettingsOf(wish) : null,
  };
}

/** Of a file of a mount with a journal: what is closed is over there, or stable in the journal. */
function writebackOf(policy: CachePolicy, isJournal: boolean): WritesView['writeback'] {
  if (policy === 'read-only') return 'no';
  if (isJournal && (policy === 'write-back' || policy === 'split')) return 'yes';
  return 'until-close';
}
