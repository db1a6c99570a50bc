import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Button } from './buttons.tsx';

interface ConfirmProps {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly yes: string;
  readonly no: string;
  readonly danger?: boolean;
  readonly onYes: () => Promise<void>;
  readonly onClose: () => void;
}

/** Asks before something that cannot be taken back with one click. The browser keeps the focus inside. */
export function Confirm({ title, children, yes, no, danger = false, onYes, onClose }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      <div class="dialog-body">{children}</div>
      <div class="actions">
        <Button onPress={onClose}>{no}</Button>
        <Button
          kind={danger ? 'danger' : 'primary'}
          onPress={async () => {
            try {
              await onYes();
            } finally {
              onClose();
            }
          }}
        >
          {yes}
        </Button>
      </div>
    </dialog>
  );
}
