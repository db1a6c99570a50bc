import { useState } from 'preact/hooks';
import type { VmView } from '../../contract/schemas.ts';
import { call } from '../api/client.ts';
import { refresh, status } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { Submit } from './buttons.tsx';
import { Form, TextField } from './form.tsx';
import { Card } from './page.tsx';

/** What a machine gets beside others. Only where the daemon has a rate to share out. */
export function Share({ vm }: { readonly vm: VmView }) {
  const { machines: m, shell } = messages.value;
  const [text, setText] = useState(String(vm.weight));
  if (status.value?.limitBytesPerSecond == null) return null;
  const weight = Number(text);
  const isRight = Number.isInteger(weight) && weight >= 1 && weight <= 100;
  return (
    <Card title={m.share}>
      <Form
        label={m.share}
        check={() => isRight}
        onSubmit={async () => {
          await call('setVm', { name: vm.name }, { weight });
          tell(m.shareSaved);
          await refresh();
        }}
      >
        {(running) => (
          <div class="in-line">
            <TextField
              label={m.share}
              value={text}
              onChange={setText}
              entry="numeric"
              help={m.shareHelp}
              error={isRight ? null : m.shareHelp}
            />
            <Submit running={running} refused={refusalOf('vm.change')}>
              {shell.save}
            </Submit>
          </div>
        )}
      </Form>
    </Card>
  );
}
