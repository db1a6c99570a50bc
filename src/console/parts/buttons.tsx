import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { tellError } from '../state/notices.ts';

interface ButtonProps {
  readonly children: ComponentChildren;
  readonly kind?: 'primary' | 'plain' | 'danger' | 'quiet';
  /** The button waits while it runs; what it throws is told. */
  readonly onPress: () => unknown;
  /** Why it cannot be pressed, in a sentence; shown on hover and read out. */
  readonly refused?: string | null;
  readonly label?: string;
}

export function Button({ children, kind = 'plain', onPress, refused = null, label }: ButtonProps) {
  const [running, setRunning] = useState(false);
  const press = async (): Promise<void> => {
    if (refused !== null || running) return;
    setRunning(true);
    try {
      await onPress();
    } catch (failure) {
      tellError(failure);
    } finally {
      setRunning(false);
    }
  };
  const attributes = { type: 'button', class: `button ${kind}`, 'aria-label': label } as const;
  return (
    <Press attributes={{ ...attributes, onClick: () => void press() }} running={running} refused={refused}>
      {children}
    </Press>
  );
}

interface SubmitProps {
  readonly children: ComponentChildren;
  readonly running: boolean;
  readonly refused?: string | null;
}

/** The button of a form. */
export function Submit({ children, running, refused = null }: SubmitProps) {
  return (
    <Press attributes={{ type: 'submit', class: 'button primary' }} running={running} refused={refused}>
      {children}
    </Press>
  );
}

interface PressProps {
  readonly attributes: ButtonHTMLAttributes<HTMLButtonElement>;
  readonly children: ComponentChildren;
  readonly running: boolean;
  readonly refused: string | null;
}

/** A button that tells why it cannot be pressed. */
function Press({ attributes, children, running, refused }: PressProps) {
  const why = useId();
  return (
    <>
      <button
        {...attributes}
        // Not `disabled`: who goes by keyboard has to be able to reach the reason.
        aria-disabled={refused !== null || running}
        aria-busy={running}
        aria-describedby={refused === null ? undefined : why}
        title={refused ?? undefined}
      >
        {children}
      </button>
      {refused !== null && (
        <span id={why} class="unseen">
          {refused}
        </span>
      )}
    </>
  );
}

interface LinkButtonProps {
  readonly href: string;
  readonly children: ComponentChildren;
  readonly kind?: 'primary' | 'plain';
}

export function LinkButton({ href, children, kind = 'plain' }: LinkButtonProps) {
  return (
    <a class={`button ${kind}`} href={href}>
      {children}
    </a>
  );
}
