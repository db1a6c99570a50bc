import type { RefObject } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

/** For a dialog that is open as long as it is there, over everything else; `id` is for its title. */
export function useModal(): { readonly dialog: RefObject<HTMLDialogElement | null>; readonly id: string } {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return { dialog, id };
}
