import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { dropped, hasFiles } from '../browser/picked_files.ts';
import type { Picked } from '../format/picked.ts';
import { messages } from '../state/language.ts';
import { tellError } from '../state/notices.ts';

interface DropAreaProps {
  readonly onPick: (picked: Picked) => void;
  readonly children: ComponentChildren;
}

/** Takes files and folders that are dropped on anything in it. By keyboard they are chosen with the buttons inside. */
export function DropArea({ onPick, children }: DropAreaProps) {
  const m = messages.value.upload;
  const area = useRef<HTMLDivElement>(null);
  const pick = useRef(onPick);
  pick.current = onPick;
  const [isOver, setOver] = useState(false);
  // before it is shown: what is dropped on it from then on is taken
  useLayoutEffect(() => {
    const element = area.current;
    return element === null ? undefined : takeDrops(element, setOver, (picked) => pick.current(picked));
  }, []);
  return (
    <div ref={area} class={isOver ? 'drop-area over' : 'drop-area'}>
      {children}
      {isOver && (
        <p class="drop-over" aria-hidden="true">
          {m.dropHere}
        </p>
      )}
    </div>
  );
}

/** The result ends it. */
function takeDrops(
  area: HTMLElement,
  setOver: (isOver: boolean) => void,
  onPick: (picked: Picked) => void,
): () => void {
  const over = (event: DragEvent): void => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setOver(true);
  };
  const leave = (event: DragEvent): void => {
    if (!area.contains(event.relatedTarget as Node | null)) setOver(false);
  };
  const drop = (event: DragEvent): void => {
    setOver(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    dropped(event).then(onPick, tellError);
  };
  area.addEventListener('dragover', over);
  area.addEventListener('dragleave', leave);
  area.addEventListener('drop', drop);
  return () => {
    area.removeEventListener('dragover', over);
    area.removeEventListener('dragleave', leave);
    area.removeEventListener('drop', drop);
  };
}
