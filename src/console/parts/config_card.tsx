import { useState } from 'preact/hooks';
import type { ConfigView } from '../../contract/config_schemas.ts';
import { call } from '../api/client.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { ConfigRow } from './config_row.tsx';
import { Shown, useLoaded } from './loaded.tsx';
import { Card } from './page.tsx';

/** What the daemon is set to, where each value comes from, and what a restart would change. */
export function ConfigCard() {
  const m = messages.value.config;
  const loaded = useLoaded(() => call('showConfig', {}));
  return (
    <Card title={m.title} lead={m.lead}>
      <Shown loaded={loaded}>{(view) => <ConfigRows first={view} />}</Shown>
    </Card>
  );
}

function ConfigRows({ first }: { readonly first: ConfigView }) {
  const m = messages.value.config;
  const [view, setView] = useState(first);
  const [editing, setEditing] = useState<string | null>(null);
  const store = async (name: string, value: string | undefined): Promise<void> => {
    const stored = await call('setConfig', {}, { name, ...(value !== undefined && { value }) });
    setView(stored);
    setEditing(null);
    const isLater = stored.settings.some((one) => one.name === name && one.next !== null);
    tell(isLater ? m.savedLater : m.saved);
  };
  return (
    <>
      <p class="quiet config-file">
        {view.file === '' ? m.noFile : `${m.file} `}
        {view.file !== '' && <code class="break">{view.file}</code>}
      </p>
      <ul class="rows">
        {view.settings.map((setting) => (
          <li key={setting.name} class="row" data-setting={setting.name}>
            <ConfigRow
              setting={setting}
              canChange={view.file !== ''}
              isOpen={editing === setting.name}
              onOpen={(isOpen) => setEditing(isOpen ? setting.name : null)}
              store={(value) => store(setting.name, value)}
            />
          </li>
        ))}
      </ul>
    </>
  );
}
