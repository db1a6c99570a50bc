import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { reachable } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { tellError } from '../state/notices.ts';
import { may } from '../state/rights.ts';
import { linkTo, route } from '../state/route.ts';
import { logOut, me } from '../state/session.ts';
import { Logo } from './logo.tsx';
import { Notices } from './notices.tsx';

interface Entry {
  readonly words: readonly string[];
  readonly text: string;
}

function entries(): Entry[] {
  const m = messages.value.shell;
  return [
    { words: [], text: m.overview },
    ...(may('job.start') ? [{ words: ['copy'], text: m.copy }] : []),
    { words: ['jobs'], text: m.jobs },
    { words: ['machines'], text: m.machines },
    ...(may('mount.read') ? [{ words: ['caches'], text: m.caches }] : []),
    ...(may('user.read') ? [{ words: ['people'], text: m.people }] : []),
    { words: ['tokens'], text: m.tokens },
    ...(may('audit.read') ? [{ words: ['audit'], text: m.audit }] : []),
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
          <Who />
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

/** Who is signed in, with the way to the own account and out. */
function Who() {
  const m = messages.value.shell;
  const { value } = me;
  if (value === null || value === 'unknown') return null;
  return (
    <div class="side-foot">
      <p>{m.signedInAs(value.name)}</p>
      <a href={linkTo('account')} aria-current={route.value[0] === 'account' ? 'page' : undefined}>
        {m.account}
      </a>
      <button type="button" onClick={() => logOut().catch(tellError)}>
        {m.signOut}
      </button>
    </div>
  );
}
