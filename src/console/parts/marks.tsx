import type { ComponentChildren } from 'preact';
import type { Tone } from '../format/jobs.ts';
import { absoluteText, isoText, relativeText } from '../format/times.ts';
import { now } from '../state/daemon.ts';
import { languageTag } from '../state/language.ts';

/** A state in words with its colour and shape: never by colour alone. */
export function Mark({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return (
    <span class={`mark ${tone}`}>
      <span class="dot" aria-hidden="true" />
      {children}
    </span>
  );
}

/** How long ago, with the time itself on hover. */
export function Time({ atMs }: { readonly atMs: number }) {
  const tag = languageTag.value;
  return (
    <time dateTime={isoText(atMs)} title={absoluteText(atMs, tag)}>
      {relativeText(atMs, now.value, tag)}
    </time>
  );
}
