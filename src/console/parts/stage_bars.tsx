import { formatBytes } from '../../base/units.ts';
import type { JobView } from '../../contract/schemas.ts';
import { countText, durationText, speedText } from '../format/amounts.ts';
import { type StageShare, stageShares } from '../format/stages.ts';
import { languageTag, messages } from '../state/language.ts';

/** Where the time of a copy goes: for each step how long it worked, and for which neighbour it waited. */
export function StageBars({ job }: { readonly job: JobView }) {
  const m = messages.value.job;
  const shares = stageShares(job);
  if (shares.length === 0) return <p class="quiet">{m.whereNone}</p>;
  return (
    <>
      <Legend />
      <div class="scroll">
        <table class="stages">
          <thead>
            <tr>
              <th scope="col">{m.stage}</th>
              <th scope="col" class="bar-head">
                <span class="unseen">{m.where}</span>
              </th>
              <th scope="col" class="number">
                {m.busy}
              </th>
              <th scope="col" class="number wide">
                {m.amount}
              </th>
              <th scope="col" class="number wide">
                {m.whileBusy}
              </th>
            </tr>
          </thead>
          <tbody>
            {shares.map((share) => (
              <StageRow key={`${share.view.side} ${share.view.stage}`} job={job} share={share} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Legend() {
  const m = messages.value.job;
  return (
    <ul class="legend">
      {(['busy', 'starved', 'blocked'] as const).map((kind) => (
        <li key={kind}>
          <span class={`key ${kind}`} aria-hidden="true" />
          {m[kind]}
        </li>
      ))}
    </ul>
  );
}

function StageRow({ job, share }: { readonly job: JobView; readonly share: StageShare }) {
  const { job: m, units } = messages.value;
  const { view, limits } = share;
  const waits = [
    `${m.starved}: ${durationText(view.starvedMs ?? 0, units)}`,
    `${m.blocked}: ${durationText(view.blockedMs ?? 0, units)}`,
  ].join('; ');
  return (
    <tr class={limits ? 'limits' : undefined}>
      <th scope="row">
        {m.stages[view.stage as keyof typeof m.stages] ?? view.stage}
        <span class="where">
          {placeText(job, view.side)}
          {limits && <span class="tag">{m.limiting}</span>}
        </span>
      </th>
      <td class="bar" title={waits}>
        <span class="bar-parts" aria-hidden="true">
          <span class="busy" style={{ width: percent(share.busy) }} />
          <span class="starved" style={{ width: percent(share.starved) }} />
          <span class="blocked" style={{ width: percent(share.blocked) }} />
        </span>
        <span class="unseen">{waits}</span>
      </td>
      <td class="number">
        {durationText(view.busyMs, units)}
        <span class="where">{`${Math.round(share.busy * 100)} %`}</span>
      </td>
      <td class="number wide">{amountText(view)}</td>
      <td class="number wide">{rateText(view)}</td>
    </tr>
  );
}

function percent(share: number): string {
  return `${Math.min(100, share * 100)}%`;
}

function placeText({ vm, fromVm }: JobView, side: JobView['stages'][number]['side']): string {
  if (side === 'host') return messages.value.job.sides.host;
  return side === 'source' ? (fromVm ?? vm) : vm;
}

function amountText({ stage, bytes }: StageShare['view']): string {
  const { job: m, shell } = messages.value;
  if (bytes === 0) return shell.none;
  return stage === 'publish' ? m.names(countText(bytes, languageTag.value)) : formatBytes(bytes);
}

/** A step that counts names, not bytes, has no speed worth telling. */
function rateText({ stage, bytes, rateBytesPerSecond: rate }: StageShare['view']): string {
  const { shell, units } = messages.value;
  if (stage === 'publish' || bytes === 0 || rate === undefined || rate === null) return shell.none;
  return speedText(rate, units);
}
