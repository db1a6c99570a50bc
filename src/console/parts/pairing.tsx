import { useState } from 'preact/hooks';
import type { PairView } from '../../contract/schemas.ts';
import { call } from '../api/client.ts';
import { minuteText } from '../format/times.ts';
import { status } from '../state/daemon.ts';
import { languageTag, messages } from '../state/language.ts';
import { refusalOf } from '../state/rights.ts';
import { Submit } from './buttons.tsx';
import { CopyText } from './copy_text.tsx';
import { Form, TextField } from './form.tsx';
import { Card } from './page.tsx';

/** Makes the token with which the agent of a machine dials in. */
export function Pairing({ name }: { readonly name: string }) {
  const m = messages.value.add;
  const listen = status.value?.listen ?? null;
  const port = listen?.slice(listen.lastIndexOf(':') + 1) ?? '';
  const [address, setAddress] = useState(`${location.hostname}:${port}`);
  const [pair, setPair] = useState<PairView | null>(null);
  if (listen === null) {
    return (
      <div class="callout warn">
        <p>{m.notListening}</p>
      </div>
    );
  }
  return (
    <Card title={m.pairTitle(name)} lead={m.pairText}>
      {pair !== null && (
        <>
          <CopyText label={m.token} text={`causeway-agent run --tcp ${address} --token ${pair.token}`} />
          <p class="quiet">{m.pairUntil(minuteText(pair.expiresAtMs, languageTag.value))}</p>
        </>
      )}
      <Form
        label={m.pairTitle(name)}
        onSubmit={async () => setPair(await call('pairVm', { name }, { addresses: [address] }))}
      >
        {(running) => (
          <div class="in-line">
            <TextField
              label={m.pairAddress}
              value={address}
              onChange={setAddress}
              entry="code"
              help={m.pairAddressHelp(port)}
            />
            <Submit running={running} refused={refusalOf('vm.pair')}>
              {pair === null ? m.pairMake : m.pairAgain}
            </Submit>
          </div>
        )}
      </Form>
    </Card>
  );
}
