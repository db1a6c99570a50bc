import { useState } from 'preact/hooks';
import { call } from '../api/client.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { Submit } from './buttons.tsx';
import { Form, LinesField } from './form.tsx';
import { linesOf } from './grants.tsx';
import { Shown, useLoaded } from './loaded.tsx';
import { Card } from './page.tsx';

/** From which networks this daemon may be reached. */
export function AllowList() {
  const m = messages.value.settings;
  const loaded = useLoaded(() => call('showAllow', {}));
  return (
    <Card title={m.allow} lead={m.allowText}>
      <Shown loaded={loaded}>{({ networks }) => <Networks networks={networks} />}</Shown>
    </Card>
  );
}

function Networks({ networks }: { readonly networks: readonly string[] }) {
  const { settings: m, shell } = messages.value;
  const [text, setText] = useState(networks.join('\n'));
  return (
    <Form
      label={m.allow}
      onSubmit={async () => {
        const stored = await call('setAllow', {}, { networks: linesOf(text) });
        setText(stored.networks.join('\n'));
        tell(m.allowSaved);
      }}
    >
      {(running) => (
        <div class="in-line">
          <LinesField label={m.networks} help={m.networksHelp} value={text} onChange={setText} />
          <Submit running={running} refused={refusalOf('settings.change')}>
            {shell.save}
          </Submit>
        </div>
      )}
    </Form>
  );
}
