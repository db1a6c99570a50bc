import { useId } from 'preact/hooks';

interface ChoicesProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly onChange: (value: T) => void;
  readonly options: readonly { readonly value: T; readonly text: string; readonly help?: string }[];
  /** Side by side, for a few short words. */
  readonly inline?: boolean;
}

/** One of a few, all of them seen. */
export function Choices<T extends string>({ label, value, onChange, options, inline }: ChoicesProps<T>) {
  const name = useId();
  return (
    <fieldset class={inline ? 'choices inline' : 'choices'}>
      <legend>{label}</legend>
      <div class="options">
        {options.map((option) => (
          <label key={option.value} class={option.value === value ? 'choice chosen' : 'choice'}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            <span>
              <span class="choice-text">{option.text}</span>
              {option.help !== undefined && <span class="help">{option.help}</span>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
