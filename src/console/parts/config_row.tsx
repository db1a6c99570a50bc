import { useEffect, useRef, useState } from 'preact/hooks';
import type { SettingView } from '../../contract/config_schemas.ts';
import { CHOICES, isOverridden, textOf } from '../format/config_values.ts';
import { messages } from '../state/language.ts';
import { refusalOf } from '../state/rights.ts';
import { Button, Submit } from './buttons.tsx';
import { Form, SelectField, TextField } from './form.tsx';
import { Mark } from './marks.tsx';

interface ConfigRowProps {
  readonly setting: SettingView;
  readonly canChange: boolean;
  readonly isOpen: boolean;
  readonly onOpen: (isOpen: boolean) => void;
  /** Undefined for the default. */
  readonly store: (value: string | undefined) => Promise<void>;
}

export function ConfigRow({ setting, canChange, isOpen, onOpen, store }: ConfigRowProps) {
  const m = messages.value.config;
  const { name, value, origin, next } = setting;
  const shown = (one: SettingView['value']): string => textOf(one) || m.none;
  const title = titleOf(setting);
  return (
    <>
      <div class="row-main">
        <span class="end">
          <strong>{title}</strong>
          <code class="path">{name}</code>
        </span>
        <div class="row-marks">
          <code class="config-value break">{shown(value)}</code>
          <Mark tone={origin === 'default' ? 'quiet' : 'busy'}>{m.origins[origin]}</Mark>
          {next !== null && <Mark tone="warn">{m.next(shown(next))}</Mark>}
          {canChange && !isOpen && (
            <Button
              label={`${m.change}: ${title}`}
              onPress={() => onOpen(true)}
              refused={isOverridden(setting) ? m.overridden(setting.from) : refusalOf('settings.change')}
            >
              {m.change}
            </Button>
          )}
        </div>
      </div>
      {isOpen && <ConfigForm setting={setting} store={store} onClose={() => onOpen(false)} />}
    </>
  );
}

interface ConfigFormProps extends Pick<ConfigRowProps, 'setting' | 'store'> {
  readonly onClose: () => void;
}

function ConfigForm({ setting, store, onClose }: ConfigFormProps) {
  const { config: m, shell } = messages.value;
  const { name, value, next, applies } = setting;
  const [text, setText] = useState(textOf(next ?? value));
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.querySelector<HTMLElement>('input, select')?.focus(), []);
  const choices = CHOICES[name];
  const later = applies === 'next start' ? ` ${m.needsRestart}` : '';
  const help = `${helpOf(setting)} ${m.usual(textOf(setting.default) || m.none)}.${later}`;
  const label = titleOf(setting);
  return (
    <div ref={place} class="config-form">
      <Form label={label} onSubmit={() => store(text.trim())}>
        {(running) => (
          <>
            {choices === undefined ? (
              <TextField label={m.value} value={text} onChange={setText} help={help} entry="code" />
            ) : (
              <SelectField
                label={m.value}
                value={text}
                onChange={setText}
                help={help}
                options={choices.map((one) => ({ value: one, text: one }))}
              />
            )}
            <div class="actions">
              <Submit running={running}>{m.save}</Submit>
              <Button onPress={() => store(undefined)}>{m.reset}</Button>
              <Button kind="quiet" onPress={onClose}>
                {shell.cancel}
              </Button>
            </div>
          </>
        )}
      </Form>
    </div>
  );
}

/** A setting that this page has no words for is told in those of the daemon. */
function titleOf({ name }: SettingView): string {
  const { names } = messages.value.config;
  return names[name as keyof typeof names]?.title ?? name;
}

function helpOf({ name, why }: SettingView): string {
  const { names } = messages.value.config;
  return names[name as keyof typeof names]?.why ?? why;
}
