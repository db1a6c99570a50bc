import { useRef } from 'preact/hooks';
import { formatBytes } from '../../base/units.ts';
import { pickedOf } from '../browser/picked_files.ts';
import { bytesOf, type Picked, type PickedTop, topsOf, withoutTop } from '../format/picked.ts';
import { messages } from '../state/language.ts';
import { Button } from './buttons.tsx';
import { FilePicture } from './file_picture.tsx';

/** More rows than anybody reads. */
const ROWS_MAX = 200;

interface PickedListProps {
  readonly picked: Picked;
  readonly onChange: (picked: Picked) => void;
}

/** What was chosen on this device, to be looked at and taken out again. */
export function PickedList({ picked, onChange }: PickedListProps) {
  const m = messages.value.upload;
  const tops = topsOf(picked);
  if (tops.length === 0) return null;
  return (
    <div class="picked">
      <ul aria-label={m.picked}>
        {tops.slice(0, ROWS_MAX).map((top) => (
          <PickedRow key={top.name} top={top} onRemove={() => onChange(withoutTop(picked, top.name))} />
        ))}
      </ul>
      {tops.length > ROWS_MAX && <p class="help">{m.furtherTops(tops.length - ROWS_MAX)}</p>}
      <p class="picked-sum" aria-live="polite">
        {m.sum(picked.files.length, formatBytes(bytesOf(picked)))}
      </p>
    </div>
  );
}

function PickedRow({ top, onRemove }: { readonly top: PickedTop; readonly onRemove: () => void }) {
  const m = messages.value.upload;
  const { name, kind, files, bytes } = top;
  return (
    <li class="file" data-picked={name}>
      <FilePicture kind={kind} />
      <span class="file-name break">{name}</span>
      <span class="file-facts">
        {kind === 'folder' && <span>{m.files(files)}</span>}
        <span>{formatBytes(bytes)}</span>
      </span>
      <Button kind="quiet" label={m.remove(name)} onPress={onRemove}>
        ×
      </Button>
    </li>
  );
}

interface DropZoneProps {
  readonly onPick: (picked: Picked) => void;
  readonly isEmpty: boolean;
  readonly error: string | null;
}

/** Where files of this device come from; they can be dropped anywhere on the form. */
export function DropZone({ onPick, isEmpty, error }: DropZoneProps) {
  const m = messages.value.upload;
  return (
    <div class={isEmpty ? 'drop-zone' : 'drop-zone filled'}>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M12 15V4m0 0L7.5 8.5M12 4l4.5 4.5M4 15v3.5A1.5 1.5 0 0 0 5.5 20h13a1.5 1.5 0 0 0 1.5-1.5V15" />
      </svg>
      <p class="drop-text">{isEmpty ? m.drop : m.dropMore}</p>
      {isEmpty && <p class="help">{m.dropHelp}</p>}
      <div class="choose-row" data-invalid={error !== null}>
        <ChooseFiles text={m.chooseFiles} isFolder={false} onPick={onPick} />
        <ChooseFiles text={m.chooseFolder} isFolder={true} onPick={onPick} />
      </div>
      {error !== null && <p class="error">{error}</p>}
    </div>
  );
}

interface ChooseFilesProps {
  readonly text: string;
  readonly isFolder: boolean;
  readonly onPick: (picked: Picked) => void;
}

function ChooseFiles({ text, isFolder, onPick }: ChooseFilesProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button onPress={() => input.current?.click()}>{text}</Button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-hidden="true"
        tabIndex={-1}
        {...(isFolder && { webkitdirectory: true })}
        onChange={({ currentTarget }) => {
          if (currentTarget.files !== null && currentTarget.files.length > 0)
            onPick(pickedOf(currentTarget.files));
          currentTarget.value = ''; // the same may be chosen again
        }}
      />
    </>
  );
}
