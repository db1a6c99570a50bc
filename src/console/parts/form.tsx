import type { ComponentChildren } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import { errorText } from '../state/notices.ts';

interface FormProps {
  readonly children: (running: boolean) => ComponentChildren;
  /** What it throws is told above the fields. */
  readonly onSubmit: () => Promise<void>;
  /** True where every field may be sent. */
  readonly check?: () => boolean;
  readonly label: string;
}

/** A form that tells what went wrong where it is read first, and goes to the first field that is not right. */
export function Form({ children, onSubmit, check, label }: FormProps) {
  const [running, setRunning] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const form = useRef<HTMLFormElement>(null);
  const submit = async (): Promise<void> => {
    if (running) return;
    if (check && !check()) {
      // After the redraw that marks it.
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
      return;
    }
    setRunning(true);
    setFailure(null);
    try {
      await onSubmit();
    } catch (thrown) {
      setFailure(thrown);
    } finally {
      setRunning(false);
    }
  };
  return (
    <form
      ref={form}
      class="form"
      aria-label={label}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <div role="alert">{failure !== null && <Failure failure={failure} />}</div>
      {children(running)}
    </form>
  );
}

export function Failure({ failure }: { readonly failure: unknown }) {
  const { text, help } = errorText(failure);
  return (
    <div class="callout bad">
      <strong>{text}</strong>
      {help !== '' && <p>{help}</p>}
    </div>
  );
}

interface FieldProps {
  readonly label: string;
  readonly help?: string | undefined;
  readonly error?: string | null;
  readonly children: (attributes: FieldAttributes) => ComponentChildren;
}

export interface FieldAttributes {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly 'aria-invalid': 'true' | undefined;
}

/** Label, control, help and error, tied together for screen readers. */
export function Field({ label, help, error = null, children }: FieldProps) {
  const id = useId();
  const said = [help === undefined ? '' : `${id}-help`, error === null ? '' : `${id}-error`].filter(Boolean);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        'aria-describedby': said.join(' ') || undefined,
        'aria-invalid': error === null ? undefined : 'true',
      })}
      {error !== null && (
        <p class="error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {help !== undefined && (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}

interface TextProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly help?: string | undefined;
  readonly error?: string | null;
  readonly type?: 'text' | 'password' | 'datetime-local';
  readonly autocomplete?: string;
  /** What is typed: a path, address or token, or a number. */
  readonly entry?: 'code' | 'numeric' | 'decimal';
}

export function TextField({ label, value, onChange, help, error = null, ...more }: TextProps) {
  const { type = 'text', autocomplete = 'off', entry } = more;
  return (
    <Field label={label} help={help} error={error}>
      {(attributes) => (
        <input
          {...attributes}
          type={type as 'text'}
          value={value}
          autocomplete={autocomplete as 'off'}
          inputMode={entry === 'code' ? undefined : entry}
          class={entry === 'code' ? 'mono' : undefined}
          spellcheck={false}
          autocapitalize="off"
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

interface SelectProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly onChange: (value: T) => void;
  readonly options: readonly { readonly value: T; readonly text: string }[];
  readonly help?: string | undefined;
  readonly error?: string | null;
}

export function SelectField<T extends string>(props: SelectProps<T>) {
  const { label, value, onChange, options, help, error = null } = props;
  return (
    <Field label={label} help={help} error={error}>
      {(attributes) => (
        <select {...attributes} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface CheckProps {
  readonly label: string;
  readonly help?: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

export function CheckField({ label, help, checked, onChange }: CheckProps) {
  const id = useId();
  return (
    <div class="check">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        aria-describedby={help === undefined ? undefined : `${id}-help`}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <div>
        <label for={id}>{label}</label>
        {help !== undefined && (
          <p class="help" id={`${id}-help`}>
            {help}
          </p>
        )}
      </div>
    </div>
  );
}
interface LinesFieldProps {
  readonly label: string;
  readonly help: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** Several values, one in each line. */
export function LinesField({ label, help, value, onChange }: LinesFieldProps) {
  return (
    <Field label={label} help={help}>
      {(attributes) => (
        <textarea
          {...attributes}
          class="mono"
          rows={3}
          spellcheck={false}
          value={value}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}
