import { useEffect } from 'preact/hooks';
import { CurrentPage } from './pages/index.tsx';
import { SignInPage } from './pages/sign_in.tsx';
import { WelcomePage } from './pages/welcome.tsx';
import { Gate } from './parts/gate.tsx';
import { Shell } from './parts/shell.tsx';
import { reachable } from './state/daemon.ts';
import { languageTag, messages } from './state/language.ts';
import { route } from './state/route.ts';
import { me } from './state/session.ts';
import { theme } from './state/theme.ts';

export function App() {
  const tag = languageTag.value;
  const look = theme.value;
  useEffect(() => {
    document.documentElement.lang = tag;
  }, [tag]);
  useEffect(() => {
    if (look === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = look;
  }, [look]);
  const [area, word] = route.value;
  if (area === 'welcome' && word !== undefined) return <WelcomePage key={word} link={word} />;
  if (me.value === 'unknown') return <Waiting />;
  if (me.value === null) return <SignInPage />;
  return (
    <Shell>
      <CurrentPage />
    </Shell>
  );
}

/** Before the daemon has said who is signed in. */
function Waiting() {
  const m = messages.value.shell;
  return <Gate title="Causeway">{reachable.value ? m.loading : m.offline}</Gate>;
}
