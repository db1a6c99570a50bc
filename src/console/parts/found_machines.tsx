import type { DiscoveredVmView } from '../../contract/machine_schemas.ts';
import { call } from '../api/client.ts';
import type { Tone } from '../format/jobs.ts';
import { messages } from '../state/language.ts';
import { CopyText } from './copy_text.tsx';
import { Shown, useLoaded } from './loaded.tsx';
import { Mark } from './marks.tsx';
import { Card } from './page.tsx';

const TONES: Readonly<Record<DiscoveredVmView['state'], Tone>> = {
  running: 'good',
  paused: 'warn',
  off: 'quiet',
  unknown: 'quiet',
};

/** The virtual machines of this host that are no machines of this daemon yet. */
export function FoundMachines() {
  const m = messages.value.machines.found;
  const loaded = useLoaded(() => call('discoverVms', {}));
  return (
    <Card title={m.title} lead={m.lead}>
      <Shown loaded={loaded}>
        {({ machines, missed }) => {
          const fresh = machines.filter(({ vm }) => vm === null);
          const isMissing = fresh.length === 0 && missed.length > 0;
          return (
            <>
              {fresh.length === 0 && <p class="quiet">{isMissing ? m.noLibvirt : m.empty}</p>}
              <ul class="rows">
                {fresh.map((machine) => (
                  <li key={machine.uuid ?? machine.name} class="row" data-found={machine.name}>
                    <FoundRow machine={machine} />
                  </li>
                ))}
              </ul>
            </>
          );
        }}
      </Shown>
    </Card>
  );
}

function FoundRow({
  machine: { name, foundBy, state, channel, add },
}: {
  readonly machine: DiscoveredVmView;
}) {
  const m = messages.value.machines.found;
  return (
    <>
      <div class="row-main">
        <span class="end">
          <strong>{name}</strong>
          <span class="path">{`${m.by[foundBy]}, ${channel === null ? m.noChannel : m.channel}`}</span>
        </span>
        <div class="row-marks">
          <Mark tone={TONES[state]}>{m.states[state]}</Mark>
        </div>
      </div>
      {add === null ? <p class="row-note">{m.noWay}</p> : <CopyText text={add} label={m.addLabel(name)} />}
    </>
  );
}
