import { useState } from 'preact/hooks';
import { NOTIFY_EVENTS } from '../../contract/notify_events.ts';
import type { AddedNotifierView, NotifierView, NotifyEventName } from '../../contract/notify_schemas.ts';
import { call } from '../api/client.ts';
import { messages } from '../state/language.ts';
import { Submit } from './buttons.tsx';
import { CheckField, Form, LinesField, SelectField, TextField } from './form.tsx';
import { linesOf } from './grants.tsx';

type Kind = NotifierView['kind'];

interface NotifierFormProps {
  readonly onAdded: (added: AddedNotifierView) => Promise<void>;
}

/** Adds a receiver of notifications. */
export function NotifierForm({ onAdded }: NotifierFormProps) {
  const m = messages.value.notifiers;
  const [name, setName] = useState('');
  const [kind, setKind] = useState<Kind>('webhook');
  const [target, setTarget] = useState('');
  const [events, setEvents] = useState<ReadonlySet<NotifyEventName>>(new Set(NOTIFY_EVENTS));
  return (
    <Form
      label={m.add}
      onSubmit={async () => {
        const to = kind === 'webhook' ? { url: target.trim() } : { command: linesOf(target) };
        const chosen = NOTIFY_EVENTS.filter((event) => events.has(event));
        const added = await call('addNotifier', {}, { name: name.trim(), ...to, events: chosen });
        setName('');
        setTarget('');
        await onAdded(added);
      }}
    >
      {(running) => (
        <>
          <div class="field-grid">
            <TextField label={m.name} value={name} onChange={setName} help={m.nameHelp} entry="code" />
            <SelectField<Kind>
              label={m.kind}
              value={kind}
              onChange={setKind}
              options={(['webhook', 'command'] as const).map((value) => ({ value, text: m.kinds[value] }))}
            />
          </div>
          <Target kind={kind} value={target} onChange={setTarget} />
          <fieldset class="several">
            <legend>{m.events}</legend>
            {NOTIFY_EVENTS.map((event) => (
              <CheckField
                key={event}
                label={m.eventNames[event]}
                checked={events.has(event)}
                onChange={(checked) => setEvents(changed(events, event, checked))}
              />
            ))}
          </fieldset>
          <div class="actions">
            <Submit running={running}>{m.add}</Submit>
          </div>
        </>
      )}
    </Form>
  );
}

interface TargetProps {
  readonly kind: Kind;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function Target({ kind, value, onChange }: TargetProps) {
  const m = messages.value.notifiers;
  if (kind === 'webhook')
    return <TextField label={m.url} value={value} onChange={onChange} help={m.urlHelp} entry="code" />;
  return <LinesField label={m.command} help={m.commandHelp} value={value} onChange={onChange} />;
}

function changed(
  events: ReadonlySet<NotifyEventName>,
  event: NotifyEventName,
  checked: boolean,
): ReadonlySet<NotifyEventName> {
  const others = [...events].filter((one) => one !== event);
  return new Set(checked ? [...others, event] : others);
}
