import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/errors.ts';
import { crumbsOf } from '../format/places.ts';
import { useFolder } from '../state/folder.ts';
import { messages } from '../state/language.ts';
import { Button } from './buttons.tsx';
import { FileRows } from './file_rows.tsx';
import { CheckField, Failure } from './form.tsx';
import { useModal } from './modal.ts';

interface FilePickerProps {
  /** The machine whose files are chosen; empty for this computer. */
  readonly place: string;
  /** Several files and folders, or the folder that is open. */
  readonly kind: 'files' | 'folder';
  readonly onChoose: (paths: readonly string[]) => void;
  readonly onClose: () => void;
}

/** Lets people choose on this computer or a machine what they may reach. The browser keeps the focus inside. */
export function FilePicker({ place, kind, onChoose, onClose }: FilePickerProps) {
  const m = messages.value.picker;
  const [at, setAt] = useState<{ base: string; path: string } | null>(null);
  const [hidden, setHidden] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const { shown, failure, more } = useFolder(place, at?.path ?? null, hidden);
  const { dialog, id } = useModal();
  const isFolder = kind === 'folder';
  const paths = isFolder ? (at === null ? [] : [at.path]) : [...chosen];
  return (
    <dialog ref={dialog} class="dialog picker" aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{titleOf(place, isFolder)}</h2>
      <Crumbs at={at} go={setAt} />
      {failure !== null && <NotShown failure={failure} place={place} />}
      {(failure === null || shown !== null) && (
        <FileRows
          place={place}
          folder={shown}
          isFolder={isFolder}
          chosen={chosen}
          onChosen={setChosen}
          onOpen={(path) => setAt({ base: at?.base ?? path, path })}
          more={more}
        />
      )}
      <CheckField label={m.hidden} checked={hidden} onChange={setHidden} />
      <div class="actions">
        <Button onPress={onClose}>{m.cancel}</Button>
        <Button
          kind="primary"
          refused={paths.length === 0 ? (isFolder ? m.titleFolder : m.titleFiles) : null}
          onPress={() => {
            onChoose(paths);
            onClose();
          }}
        >
          {isFolder ? m.here : m.chosen(chosen.size)}
        </Button>
      </div>
    </dialog>
  );
}

function titleOf(place: string, isFolder: boolean): string {
  const m = messages.value.picker;
  if (place === '') return isFolder ? m.titleFolder : m.titleFiles;
  return isFolder ? m.titleFolderOn(place) : m.titleFilesOn(place);
}

/** Why nothing is shown. Of an agent that does not know how to show it, what to do instead. */
function NotShown({ failure, place }: { readonly failure: unknown; readonly place: string }) {
  const m = messages.value.picker;
  const isOld = failure instanceof ApiError && failure.code === 'CW_UNSUPPORTED';
  if (!isOld) return <Failure failure={failure} />;
  return (
    <div class="callout">
      <strong>{m.tooOld(place)}</strong>
      <p>{m.typeInstead}</p>
    </div>
  );
}

interface CrumbsProps {
  readonly at: { readonly base: string; readonly path: string } | null;
  readonly go: (at: { readonly base: string; readonly path: string } | null) => void;
}

/** The way here. What is open takes the focus, so that a screen reader says where one has come to. */
function Crumbs({ at, go }: CrumbsProps) {
  const m = messages.value.picker;
  const here = useRef<HTMLSpanElement>(null);
  const path = at?.path ?? null;
  useEffect(() => {
    if (path !== null) here.current?.focus();
  }, [path]);
  const crumbs = at === null ? [] : crumbsOf(at.base, at.path);
  return (
    <nav class="crumbs" aria-label={m.path}>
      {at === null ? (
        <span class="crumb-here">{m.places}</span>
      ) : (
        <Button kind="quiet" onPress={() => go(null)}>
          {m.places}
        </Button>
      )}
      {crumbs.map(({ text, path: to }, index) =>
        index === crumbs.length - 1 ? (
          <span key={to} ref={here} class="crumb-here mono break" tabIndex={-1} aria-current="location">
            {text}
          </span>
        ) : (
          <Button key={to} kind="quiet" onPress={() => at && go({ base: at.base, path: to })}>
            {text}
          </Button>
        ),
      )}
    </nav>
  );
}
