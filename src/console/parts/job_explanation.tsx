import type { JobView } from '../../contract/schemas.ts';
import { causeWords } from '../format/causes.ts';
import { sentence } from '../format/jobs.ts';
import { messages } from '../state/language.ts';

/** Why a copy is as fast as it is, stands still, or failed: cause, what was seen, and what to do first. */
export function Explanation({ job }: { readonly job: JobView }) {
  const all = messages.value;
  const m = all.job;
  const { error, explanation: why, stall } = job;
  const words = causeWords(job, all);
  if (job.state === 'failed' && error !== null) {
    return (
      <section class="callout bad" aria-label={m.failedHead}>
        <h2>{m.failedHead}</h2>
        <p class="cause">{sentence(error.message)}</p>
        <Lines lines={[why ? [m.evidence, words?.evidence ?? why.evidence] : null, [m.fix, error.help]]} />
      </section>
    );
  }
  if (stall !== null) {
    return (
      <section class="callout bad" aria-label={m.whyStalled}>
        <h2>{m.whyStalled}</h2>
        <p class="cause">{sentence(words?.cause ?? stall.cause)}</p>
        <Lines
          lines={[
            why ? [m.evidence, words?.evidence ?? why.evidence] : null,
            [m.fix, words?.fix ?? stall.fix],
          ]}
        />
      </section>
    );
  }
  if (!why) return null;
  const title = job.endedAtMs !== null ? m.whyEnded : why.kind === 'slow' ? m.whySlow : m.whyWaiting;
  return (
    <section class={why.kind === 'slow' ? 'callout' : 'callout warn'} aria-label={title}>
      <h2>{title}</h2>
      <p class="cause">{sentence(words?.cause ?? why.cause)}</p>
      <Lines
        lines={[
          [m.evidence, words?.evidence ?? why.evidence],
          [m.fix, words?.fix ?? why.fix],
        ]}
      />
    </section>
  );
}

function Lines({ lines }: { readonly lines: readonly (readonly [string, string] | null)[] }) {
  return (
    <dl class="lines">
      {lines
        .filter((line) => line !== null)
        .map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{sentence(text)}</dd>
          </div>
        ))}
    </dl>
  );
}
