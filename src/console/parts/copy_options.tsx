import type { CopyOptions, CopyProblem } from '../format/copy_draft.ts';
import { messages } from '../state/language.ts';
import { CheckField, SelectField, TextField } from './form.tsx';

interface OptionsProps {
  readonly options: CopyOptions;
  readonly set: (part: Partial<CopyOptions>) => void;
  readonly problems: ReadonlySet<CopyProblem>;
}

/** What few copies need, folded away. It opens by itself where something in it is not right. */
export function CopyOptionFields({ options, set, problems }: OptionsProps) {
  const m = messages.value.copy;
  const isWrong = problems.has('limit') || problems.has('retries') || problems.has('window');
  return (
    <details class="card" open={isWrong}>
      <summary>{m.options}</summary>
      <div class="field-grid">
        <Manners options={options} set={set} />
        <TextField
          label={m.limit}
          value={options.limit}
          onChange={(limit) => set({ limit })}
          entry="decimal"
          help={m.limitHelp}
          error={problems.has('limit') ? m.limitBad : null}
        />
        <TextField
          label={m.window}
          value={options.window}
          onChange={(window) => set({ window })}
          help={m.windowHelp}
          error={problems.has('window') ? m.windowBad : null}
        />
        <TextField
          label={m.retries}
          value={options.retries}
          onChange={(retries) => set({ retries })}
          entry="numeric"
          help={m.retriesHelp}
          error={problems.has('retries') ? m.retriesHelp : null}
        />
        <div>
          <CheckField
            label={m.ignoreTimes}
            help={m.ignoreTimesHelp}
            checked={options.ignoreTimes}
            onChange={(ignoreTimes) => set({ ignoreTimes })}
          />
          <CheckField
            label={m.mirror}
            help={m.mirrorHelp}
            checked={options.mirror}
            onChange={(mirror) => set({ mirror })}
          />
          <CheckField
            label={m.background}
            help={m.backgroundHelp}
            checked={options.background}
            onChange={(background) => set({ background })}
          />
        </div>
      </div>
    </details>
  );
}

/** What the copy does with what it meets. */
function Manners({ options, set }: Pick<OptionsProps, 'options' | 'set'>) {
  const m = messages.value.copy;
  return (
    <>
      <SelectField
        label={m.undo}
        value={options.undo}
        onChange={(undo) => set({ undo })}
        options={[
          { value: 'auto', text: m.undoAuto },
          { value: 'require', text: m.undoRequire },
          { value: 'off', text: m.undoOff },
        ]}
      />
      <SelectField
        label={m.clash}
        value={options.onClash}
        onChange={(onClash) => set({ onClash })}
        options={[
          { value: 'fail', text: m.clashFail },
          { value: 'skip', text: m.clashSkip },
          { value: 'rename', text: m.clashRename },
        ]}
      />
      <SelectField
        label={m.compress}
        value={options.compress}
        onChange={(compress) => set({ compress })}
        options={[
          { value: 'off', text: m.compressOff },
          { value: 'auto', text: m.compressAuto },
          { value: 'archive', text: m.compressArchive },
        ]}
      />
    </>
  );
}
