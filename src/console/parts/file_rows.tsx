import { useId } from 'preact/hooks';
import { formatBytes } from '../../base/units.ts';
import type { FileEntryView } from '../../contract/file_schemas.ts';
import type { ShownFolder } from '../state/folder.ts';
import { messages } from '../state/language.ts';
import { Button } from './buttons.tsx';
import { FilePicture } from './file_picture.tsx';
import { Time } from './marks.tsx';

interface FileRowsProps {
  readonly place: string;
  readonly folder: ShownFolder | null;
  /** Only folders are shown, and none is chosen by a box. */
  readonly isFolder: boolean;
  readonly chosen: ReadonlySet<string>;
  readonly onChosen: (chosen: ReadonlySet<string>) => void;
  readonly onOpen: (path: string) => void;
  readonly more: () => Promise<void>;
}

/** What is in a folder, to be opened or chosen. */
export function FileRows({ place, folder, isFolder, chosen, onChosen, onOpen, more }: FileRowsProps) {
  const { picker: m, shell } = messages.value;
  if (folder === null) return <p class="quiet picker-list">{shell.loading}</p>;
  const entries = isFolder ? folder.entries.filter(({ kind }) => kind === 'folder') : folder.entries;
  const isPlaces = folder.path === null;
  return (
    <div class="picker-list">
      <p class="unseen" aria-live="polite">
        {m.shown(entries.length)}
      </p>
      {entries.length === 0 && (
        <p class="quiet">
          {isPlaces ? (place === '' ? m.noPlaces : m.noPlacesOn(place)) : isFolder ? m.emptyFolders : m.empty}
        </p>
      )}
      <ul>
        {entries.map((entry) => (
          <FileRow
            key={entry.path}
            entry={entry}
            canChoose={!isFolder && !isPlaces && entry.kind !== 'other'}
            isChosen={chosen.has(entry.path)}
            onChosen={(isChosen) => onChosen(changed(chosen, entry.path, isChosen))}
            onOpen={onOpen}
          />
        ))}
      </ul>
      {folder.next !== null && (
        <Button kind="quiet" onPress={more}>
          {m.more}
        </Button>
      )}
      {folder.isCut && <p class="help">{m.cut}</p>}
    </div>
  );
}

interface FileRowProps {
  readonly entry: FileEntryView;
  readonly canChoose: boolean;
  readonly isChosen: boolean;
  readonly onChosen: (isChosen: boolean) => void;
  readonly onOpen: (path: string) => void;
}

function FileRow({ entry, canChoose, isChosen, onChosen, onOpen }: FileRowProps) {
  const m = messages.value.picker;
  const id = useId();
  const { name, kind, isLink, sizeBytes, mtimeMs, path } = entry;
  return (
    <li class="file" data-file={name}>
      {canChoose && (
        <input
          id={id}
          type="checkbox"
          checked={isChosen}
          onChange={(event) => onChosen(event.currentTarget.checked)}
        />
      )}
      <FilePicture kind={kind} />
      {canChoose ? (
        <label for={id} class="file-name break">
          {name}
        </label>
      ) : (
        <span class="file-name break">{name}</span>
      )}
      <span class="file-facts">
        {isLink && <span>{m.link}</span>}
        {sizeBytes !== null && <span>{formatBytes(sizeBytes)}</span>}
        {mtimeMs !== null && <Time atMs={mtimeMs} />}
      </span>
      {kind === 'folder' && (
        <Button kind="quiet" label={m.open(name)} onPress={() => onOpen(path)}>
          ›
        </Button>
      )}
    </li>
  );
}

function changed(chosen: ReadonlySet<string>, path: string, isChosen: boolean): ReadonlySet<string> {
  const others = [...chosen].filter((one) => one !== path);
  return new Set(isChosen ? [...others, path] : others);
}
