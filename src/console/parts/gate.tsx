import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { LANGUAGES, type Language, language, setLanguage } from '../state/language.ts';
import { Logo } from './logo.tsx';
import { Notices } from './notices.tsx';

/** The frame of pages for who is not signed in. */
export function Gate({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · Causeway`;
  }, [title]);
  return (
    <main class="gate">
      <div class="gate-card card">
        <p class="gate-brand">
          <Logo />
          Causeway
        </p>
        <h1>{title}</h1>
        {children}
      </div>
      <div class="gate-foot">
        {Object.entries(LANGUAGES).map(([value, text]) => (
          <button
            key={value}
            type="button"
            class="button quiet"
            lang={value}
            aria-pressed={language.value === value}
            onClick={() => setLanguage(value as Language)}
          >
            {text}
          </button>
        ))}
      </div>
      <Notices />
    </main>
  );
}
