import { useState } from 'preact/hooks';
import { type CopyDraft, type CopyProblem, THIS_DEVICE } from '../format/copy_draft.ts';
import { isNothing, NOTHING_PICKED, type Picked } from '../format/picked.ts';
import { asDestination, withChosen } from '../format/places.ts';
import { machines } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { may } from '../state/rights.ts';
import { Button } from './buttons.tsx';
import { FilePicker } from './file_picker.tsx';
import { CheckField, Field, SelectField, TextField } from './form.tsx';
import { Card } from './page.tsx';
import { DropZone, PickedList } from './picked_list.tsx';

interface EndProps {
  readonly draft: CopyDraft;
  readonly set: (part: Partial<CopyDraft>) => void;
  readonly problems: ReadonlySet<CopyProblem>;
}

const SOURCES_MAX = 1_000;

function places(): { value: string; text: string }[] {
  const { copy: m, machines: names } = messages.value;
  return [
    { value: '', text: m.host },
    ...machines.value.map(({ name, state }) => ({
      value: name,
      text: state === 'up' ? name : m.notConnected(name, names.states[state]),
    })),
  ];
}

interface FromProps extends EndProps {
  readonly onPick: (picked: Picked) => void;
}

export function CopyFrom({ draft, set, problems, onPick }: FromProps) {
  const { copy: m, upload } = messages.value;
  const { from, picked = NOTHING_PICKED } = draft;
  const isDevice = from === THIS_DEVICE;
  const pickedError = problems.has('needFiles')
    ? upload.needFiles
    : problems.has('tooMany')
      ? upload.tooMany
      : null;
  return (
    <Card title={m.from}>
      <SelectField
        label={m.place}
        value={from}
        onChange={(place) => set({ from: place })}
        options={[...places(), { value: THIS_DEVICE, text: upload.place }]}
      />
      {isDevice ? (
        <PickedList picked={picked} onChange={(now) => set({ picked: now })} />
      ) : (
        <SourcePaths draft={draft} set={set} problems={problems} />
      )}
      <DropZone onPick={onPick} isEmpty={!isDevice || isNothing(picked)} error={pickedError} />
    </Card>
  );
}

function SourcePaths({ draft, set, problems }: EndProps) {
  const m = messages.value.copy;
  const { sources, from } = draft;
  const change = (index: number, path: string): void =>
    set({ sources: sources.map((one, at) => (at === index ? path : one)) });
  const firstError = problems.has('needPath')
    ? m.needPath
    : problems.has('absoluteSource')
      ? m.absolute
      : null;
  const help = from === '' ? m.hostPathHelp : m.vmPathHelp(from);
  return (
    <>
      {sources.map((path, index) => (
        // A path is known by its place in the list only.
        <div key={index} class="path-row">
          <TextField
            label={sources.length === 1 ? m.paths : m.path(index + 1)}
            value={path}
            onChange={(value) => change(index, value)}
            entry="code"
            help={index === 0 ? help : undefined}
            error={index === 0 ? firstError : null}
          />
          {sources.length > 1 && (
            <Button
              kind="quiet"
              label={m.removePath(index + 1)}
              onPress={() => set({ sources: sources.filter((_, at) => at !== index) })}
            >
              ×
            </Button>
          )}
        </div>
      ))}
      <div class="choose-row">
        <Choose
          place={from}
          kind="files"
          onChoose={(paths) => set({ sources: withChosen(sources, paths) })}
        />
        {sources.length < SOURCES_MAX && (
          <Button kind="quiet" onPress={() => set({ sources: [...sources, ''] })}>
            {`+ ${m.addPath}`}
          </Button>
        )}
      </div>
    </>
  );
}

export function CopyTo({ draft, set, problems }: EndProps) {
  const m = messages.value.copy;
  const { to, from, alsoTo } = draft;
  const others = machines.value.filter(({ name }) => name !== to && name !== from);
  const destinationError = problems.has('needDestination')
    ? m.needDestination
    : problems.has('absoluteDestination')
      ? m.absolute
      : null;
  const placeError = problems.has('samePlace')
    ? m.samePlace
    : problems.has('sameMachine')
      ? m.sameMachine
      : problems.has('toMachine')
        ? messages.value.upload.toMachine
        : null;
  return (
    <Card title={m.to}>
      <SelectField
        label={m.place}
        value={to}
        onChange={(place) => set({ to: place })}
        options={places()}
        error={placeError}
      />
      <Field
        label={m.destination}
        help={`${m.destinationHelp} ${to === '' ? '' : m.vmPathHelp(to)}`}
        error={destinationError}
      >
        {(attributes) => (
          <input
            {...attributes}
            type="text"
            class="mono"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            value={draft.destination}
            onInput={(event) => set({ destination: event.currentTarget.value })}
          />
        )}
      </Field>
      <div class="choose-row">
        <Choose
          place={to}
          kind="folder"
          onChoose={([folder = '/']) => set({ destination: asDestination(folder) })}
        />
      </div>
      {to !== '' && others.length > 0 && (
        <fieldset class="several">
          <legend>{m.several}</legend>
          <p class="help">{m.severalHelp}</p>
          {others.map(({ name }) => (
            <CheckField
              key={name}
              label={name}
              checked={alsoTo.includes(name)}
              onChange={(checked) =>
                set({ alsoTo: checked ? [...alsoTo, name] : alsoTo.filter((one) => one !== name) })
              }
            />
          ))}
        </fieldset>
      )}
    </Card>
  );
}

interface ChooseProps {
  /** A machine; empty for this computer. */
  readonly place: string;
  readonly kind: 'files' | 'folder';
  readonly onChoose: (paths: readonly string[]) => void;
}

/** Paths of a machine can be typed too, which is why nothing is offered where it cannot be asked. */
function Choose({ place, kind, onChoose }: ChooseProps) {
  const m = messages.value.picker;
  const [isOpen, setOpen] = useState(false);
  if (!may('file.list')) return null;
  if (place !== '' && machines.value.find(({ name }) => name === place)?.state !== 'up') return null;
  const isFiles = kind === 'files';
  const here = isFiles ? m.choose : m.chooseFolder;
  const there = isFiles ? m.chooseOn(place) : m.chooseFolderOn(place);
  return (
    <>
      <Button onPress={() => setOpen(true)}>{place === '' ? here : there}</Button>
      {isOpen && <FilePicker place={place} kind={kind} onChoose={onChoose} onClose={() => setOpen(false)} />}
    </>
  );
}
