import { useState } from 'preact/hooks';
import { call } from '../api/client.ts';
import {
  type DraftField,
  EMPTY_DRAFT,
  type MachineDraft,
  requestOf,
  wrongFields,
} from '../format/endpoints.ts';
import { Submit } from '../parts/buttons.tsx';
import { Choices } from '../parts/choices.tsx';
import { CopyText } from '../parts/copy_text.tsx';
import { CheckField, Form, TextField } from '../parts/form.tsx';
import { Card, Page } from '../parts/page.tsx';
import { refresh } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { goTo, linkTo } from '../state/route.ts';

const KINDS = ['tcp', 'listen', 'exec', 'serial', 'unix'] as const;

/** What to run in the machine, by the way in which it is reached; `listen` tells it with its token afterwards. */
const AGENT_COMMANDS: Readonly<Record<MachineDraft['kind'], string | null>> = {
  tcp: 'causeway-agent run --listen 0.0.0.0:7411',
  serial: 'causeway-agent run --serial /dev/virtio-ports/org.causeway.0',
  unix: 'causeway-agent run --unix /run/vm/dev.sock',
  exec: null,
  listen: null,
};

export function AddMachinePage() {
  const { add: m, machines } = messages.value;
  const [draft, setDraft] = useState<MachineDraft>(EMPTY_DRAFT);
  const [checked, setChecked] = useState(false);
  const wrong = checked ? wrongFields(draft) : new Set<DraftField>();
  const set = (part: Partial<MachineDraft>): void => setDraft({ ...draft, ...part });
  const submit = async (): Promise<void> => {
    const vm = await call('addVm', {}, requestOf(draft));
    tell(m.added(vm.name));
    await refresh();
    goTo('machines', vm.name);
  };
  const command = AGENT_COMMANDS[draft.kind];
  return (
    <Page title={m.title} above={{ text: machines.title, href: linkTo('machines') }}>
      <Form
        label={m.title}
        check={() => {
          setChecked(true);
          return wrongFields(draft).size === 0;
        }}
        onSubmit={submit}
      >
        {(running) => (
          <>
            <Choices
              label={m.how}
              value={draft.kind}
              onChange={(kind) => set({ kind })}
              options={KINDS.map((value) => ({ value, text: m.kinds[value], help: m.kindHelp[value] }))}
            />
            {command !== null && (
              <Card title={m.inMachine} lead={draft.kind === 'tcp' ? m.inMachineThen : undefined}>
                <CopyText text={command} label={m.inMachine} />
              </Card>
            )}
            <Card title={m.kinds[draft.kind]}>
              <DraftFields draft={draft} set={set} wrong={wrong} />
            </Card>
            <div class="actions at-end">
              <a class="button plain" href={linkTo('machines')}>
                {messages.value.shell.cancel}
              </a>
              <Submit running={running} refused={refusalOf('vm.add')}>
                {m.submit}
              </Submit>
            </div>
          </>
        )}
      </Form>
    </Page>
  );
}

interface FieldsProps {
  readonly draft: MachineDraft;
  readonly set: (part: Partial<MachineDraft>) => void;
  readonly wrong: ReadonlySet<DraftField>;
}

function DraftFields({ draft, set, wrong }: FieldsProps) {
  const m = messages.value.add;
  const { kind } = draft;
  const hasPath = kind === 'serial' || kind === 'unix';
  return (
    <>
      <TextField
        label={m.name}
        value={draft.name}
        onChange={(name) => set({ name })}
        help={m.nameHelp}
        error={wrong.has('name') ? m.nameHelp : null}
      />
      {kind === 'tcp' && (
        <>
          <TextField
            label={m.address}
            value={draft.address}
            onChange={(address) => set({ address })}
            entry="code"
            help={m.addressHelp}
            error={wrong.has('address') ? m.addressBad : null}
          />
          <TextField
            label={m.token}
            value={draft.token}
            onChange={(token) => set({ token })}
            entry="code"
            help={m.tokenHelp}
            error={wrong.has('token') ? m.tokenHelp : null}
          />
        </>
      )}
      {hasPath && (
        <TextField
          label={m.path}
          value={draft.path}
          onChange={(path) => set({ path })}
          entry="code"
          help={m.pathHelp}
          error={wrong.has('path') ? m.pathHelp : null}
        />
      )}
      {kind === 'exec' && (
        <TextField
          label={m.command}
          value={draft.command}
          onChange={(command) => set({ command })}
          entry="code"
          help={`${m.commandHelp} ssh me@box causeway-agent run --stdio`}
          error={wrong.has('command') ? m.commandHelp : null}
        />
      )}
      {(hasPath || kind === 'exec') && (
        <CheckField
          label={m.trust}
          help={m.trustHelp}
          checked={draft.trust}
          onChange={(trust) => set({ trust })}
        />
      )}
    </>
  );
}
