import { useEffect } from 'preact/hooks';
import { CurrentPage } from './pages/index.tsx';
import { Shell } from './parts/shell.tsx';
import { languageTag } from './state/language.ts';
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
  return (
    <Shell>
      <CurrentPage />
    </Shell>
  );
}
