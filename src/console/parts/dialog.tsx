import type { ComponentChildren } from 'preact';
import { Button } from './buttons.tsx';
import { useModal } from './modal.ts';

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
  const { dialog, id } = useModal();
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
