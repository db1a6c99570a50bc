import type { VmView } from '../../contract/schemas.ts';
import { channelText, sentence, type Tone } from '../format/jobs.ts';
import { messages } from '../state/language.ts';
import { linkTo } from '../state/route.ts';
import { Mark } from './marks.tsx';

const TONES: Readonly<Record<VmView['state'], Tone>> = {
  connecting: 'busy',
  up: 'good',
  interrupted: 'warn',
  failed: 'bad',
  waiting: 'quiet',
};

export function MachineMark({ vm }: { readonly vm: VmView }) {
  return <Mark tone={TONES[vm.state]}>{messages.value.machines.states[vm.state]}</Mark>;
}

/** Machines as a list of rows; each leads to its page. */
export function MachineRows({ machines }: { readonly machines: readonly VmView[] }) {
  const { machines: m, units } = messages.value;
  return (
    <ul class="rows">
      {machines.map((vm) => (
        <li key={vm.name} class="row" data-machine={vm.name}>
          <div class="row-main">
            <a class="row-link" href={linkTo('machines', vm.name)}>
              <span class="end">
                <strong>{vm.name}</strong>
                <span class="path">{`${m.kinds[vm.endpoint.kind]} ${channelText(vm.endpoint)}`}</span>
              </span>
            </a>
            <div class="row-marks">
              <MachineMark vm={vm} />
              {vm.roundTripMs !== null && <span>{units.milliseconds(vm.roundTripMs.toFixed(1))}</span>}
            </div>
          </div>
          {vm.error !== null && <p class="row-note">{sentence(vm.error.message)}</p>}
        </li>
      ))}
    </ul>
  );
}
