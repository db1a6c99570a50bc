import { formatBytes } from '../../base/units.ts';
import type { LeaseView } from '../../contract/lease_schemas.ts';
import type { CacheTier, CacheView, WaitingView } from '../../contract/mount_schemas.ts';
import { countText, durationText, percentText } from '../format/amounts.ts';
import { aheadBytes, hitPercent, meanText, type ShownCache } from '../format/caches.ts';
import { languageTag, messages } from '../state/language.ts';
import { Mark } from './marks.tsx';
import { Card, Facts } from './page.tsx';

/** One cache: how it is, what it holds, and what it was good for. */
export function CacheCard({ mountpoint, source, machine, policy, cache, waiting, leases }: ShownCache) {
  const m = messages.value.caches;
  const title = machine === null ? mountpoint : m.at(machine, mountpoint);
  const facts = [
    { name: m.of, value: <code class="path">{source}</code> },
    { name: m.policy, value: m.policies[policy] },
    ...(waiting === null ? [] : waitingFacts(waiting)),
    ...(cache === null ? [] : [...holdingFacts(cache), ...useFacts(cache), ...troubleFacts(cache)]),
    ...(cache?.tiers ?? []).map(tierFact),
    ...(leases === null ? [] : leaseFacts(leases)),
  ];
  const state = cache === null ? null : cache.state;
  return (
    <Card
      title={title}
      aside={
        state === null ? (
          <Mark tone="busy">{m.waits}</Mark>
        ) : (
          <Mark tone={state === 'on' ? 'good' : 'warn'}>{m.states[state]}</Mark>
        )
      }
    >
      <Facts facts={facts} />
      {cache !== null && cache.memoryPressurePercent > 0 && (
        <p class="quiet">{m.pressure(cache.memoryPressurePercent)}</p>
      )}
    </Card>
  );
}

function waitingFacts({ dirtyBytes, oldestDirtyAgeMs }: WaitingView) {
  const { caches: m, units } = messages.value;
  const amount = formatBytes(dirtyBytes);
  const value =
    oldestDirtyAgeMs === null ? amount : m.dirtyFor(amount, durationText(oldestDirtyAgeMs, units));
  return [{ name: m.dirty, value }];
}

function holdingFacts(cache: CacheView) {
  const m = messages.value.caches;
  return [
    { name: m.disk, value: m.amountOf(formatBytes(cache.residentBytes), formatBytes(cache.capacityBytes)) },
    {
      name: m.memory,
      value: m.amountOf(formatBytes(cache.memoryBytes), formatBytes(cache.memoryLimitBytes)),
    },
  ];
}

/** What a tier holds and was good for, and for how long its disk is not well. */
function tierFact(tier: CacheTier) {
  const { caches: m, units } = messages.value;
  const count = (of: number) => countText(of, languageTag.value);
  const { reads, state, bypassedForMs } = tier;
  const parts = [
    bypassedForMs === null ? null : m.tierFor(m.states[state], durationText(bypassedForMs, units)),
    m.amountOf(formatBytes(tier.residentBytes), formatBytes(tier.limitBytes)),
    m.tierHits(count(tier.hits)),
    reads.count === 0 ? null : m.tierMean(units.milliseconds(meanText(reads.sumUs, reads.count))),
    m.tierMoves(count(tier.promoted), count(tier.demoted)),
  ];
  const value = (
    <span title={tier.why ?? tier.folder}>{parts.filter((part) => part !== null).join(' · ')}</span>
  );
  return { name: m.tier[tier.tier], value };
}

function useFacts(cache: CacheView) {
  const { caches: m, units } = messages.value;
  const percent = hitPercent(cache);
  const { usedBytes, wastedBytes } = aheadBytes(cache);
  const found =
    percent === null ? m.nothingRead : m.hitRateOf(percentText(percent), formatBytes(cache.bytesAsked));
  const answered = cache.reads.filter(({ count }) => count > 0);
  const tiers = answered.map(({ tier, count, sumUs }) => ({
    name: m.tiers[tier],
    value: m.reads(countText(count, languageTag.value), units.milliseconds(meanText(sumUs, count))),
  }));
  return [
    { name: m.hitRate, value: found },
    { name: m.ahead, value: m.aheadOf(formatBytes(usedBytes), formatBytes(wastedBytes)) },
    ...tiers,
  ];
}

function leaseFacts({ held, broken, recalled, fenced, waits }: LeaseView) {
  const { caches: m, units } = messages.value;
  const count = (of: number) => countText(of, languageTag.value);
  return [
    { name: m.leases, value: m.leasesOf(count(held), count(broken + recalled)) },
    fenced === 0 ? null : { name: m.fenced, value: m.fencedOf(count(fenced)) },
    waits.count === 0
      ? null
      : {
          name: m.leaseWaits,
          value: m.reads(count(waits.count), units.milliseconds(meanText(waits.sumUs, waits.count))),
        },
  ];
}

function troubleFacts({ damaged, bypassed }: CacheView) {
  const m = messages.value.caches;
  return [
    damaged === 0 ? null : { name: m.trouble, value: m.blocks(damaged) },
    bypassed === 0 ? null : { name: m.bypassed, value: m.blocks(bypassed) },
  ];
}
