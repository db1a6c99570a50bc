import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface PageProps {
  readonly title: string;
  readonly lead?: string;
  /** What the page is below, as a link. */
  readonly above?: { readonly text: string; readonly href: string };
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

let isFirstPage = true;

/** The frame of a page. Its heading takes the focus, so that a screen reader says where one has come to. */
export function Page({ title, lead, above, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!isFirstPage) heading.current?.focus();
    isFirstPage = false;
  }, []);
  useEffect(() => {
    document.title = `${title} · Causeway`;
  }, [title]);
  return (
    <div class="page">
      <header class="page-head">
        <div>
          {above && (
            <a class="above" href={above.href}>
              <span aria-hidden="true">‹ </span>
              {above.text}
            </a>
          )}
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {lead !== undefined && <p class="lead">{lead}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

interface CardProps {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly aside?: ComponentChildren;
  readonly lead?: string;
}

export function Card({ title, children, aside, lead }: CardProps) {
  return (
    <section class="card" aria-label={title}>
      <header class="card-head">
        <h2>{title}</h2>
        {aside}
      </header>
      {lead !== undefined && <p class="card-lead">{lead}</p>}
      {children}
    </section>
  );
}

interface EmptyProps {
  readonly title: string;
  readonly text: string;
  readonly children?: ComponentChildren;
}

/** Nothing yet: what would be here, and the way to it. */
export function Empty({ title, text, children }: EmptyProps) {
  return (
    <div class="empty">
      <svg viewBox="0 0 120 56" aria-hidden="true" class="empty-picture">
        <path class="road" d="M6 18h108" />
        <path class="arch" d="M14 48v-8a14 14 0 0 1 28 0v8m0-8a14 14 0 0 1 28 0v8m0-8a14 14 0 0 1 28 0v8" />
        <path class="water" d="M4 52q8-5 16 0t16 0 16 0 16 0 16 0 16 0 16 0" />
      </svg>
      <h2>{title}</h2>
      <p>{text}</p>
      {children && <div class="actions">{children}</div>}
    </div>
  );
}

interface Fact {
  readonly name: string;
  readonly value: ComponentChildren;
}

/** Names and values. Where there is nothing to tell of a fact it is left out (null). */
export function Facts({ facts }: { readonly facts: readonly (Fact | null)[] }) {
  return (
    <dl class="facts">
      {facts
        .filter((fact) => fact !== null)
        .map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
