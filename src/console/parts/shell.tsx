import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { reachable } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { linkTo, route } from '../state/route.ts';
import { Notices } from './notices.tsx';

interface Entry {
  readonly words: readonly string[];
  readonly text: string;
}

function entries(): Entry[] {
  const m = messages.value.shell;
  return [
    { words: [], text: m.overview },
    { words: ['copy'], text: m.copy },
    { words: ['jobs'], text: m.jobs },
    { words: ['machines'], text: m.machines },
    { words: ['settings'], text: m.settings },
  ];
}

/** What stands around every page: the way to the others, and what is told of the daemon. */
export function Shell({ children }: { readonly children: ComponentChildren }) {
  const m = messages.value.shell;
  const [open, setOpen] = useState(false);
  const words = route.value;
  // Another page closes the menu.
  useEffect(() => setOpen(false), [words]);
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        {m.skip}
      </button>
      <header class={open ? 'side open' : 'side'}>
        <div class="brand-row">
          <a class="brand" href={linkTo()}>
            <Logo />
            Causeway
          </a>
          <button
            type="button"
            class="menu-button"
            aria-expanded={open}
            aria-controls="pages"
            onClick={() => setOpen(!open)}
          >
            {m.menu}
          </button>
        </div>
        <div id="pages" class="side-body">
          <nav aria-label={m.pages}>
            <ul>
              {entries().map((entry) => (
                <li key={entry.text}>
                  <a
                    href={linkTo(...entry.words)}
                    aria-current={words[0] === entry.words[0] ? 'page' : undefined}
                  >
                    {entry.text}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <div role="status">{!reachable.value && <p class="callout warn offline">{m.offline}</p>}</div>
        {children}
      </main>
      <Notices />
    </div>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <path class="road" d="M3 11h26" />
      <path class="arch" d="M5 23v-4a5.5 5.5 0 0 1 11 0v4m0-4a5.5 5.5 0 0 1 11 0v4" />
    </svg>
  );
}
