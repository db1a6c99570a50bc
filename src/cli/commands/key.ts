import { formatUtcMinute } from '../../base/utc.ts';
import type { KeyRotationView } from '../../contract/machine_schemas.ts';
import type { VmView } from '../../contract/schemas.ts';
import type { Action } from '../program.ts';

const SHORT = 16;
const PARTLY_DONE = 3;

type Told = KeyRotationView['machines'][number];

/** `causeway vm rotate NAME` */
export const vmRotate: Action = async ({ client, terminal, json }, [name = '']) => {
  const view = await client.call('rotateVm', { name });
  if (json) terminal.out(`${JSON.stringify(view)}\n`);
  else
    terminal.out(
      `${name} has a new key: ${view.to}\nthe former one is not trusted any more: ${view.from.slice(0, SHORT)}…\n`,
    );
  return 0;
};

/** `causeway key rotate` */
export const keyRotate: Action = async ({ client, terminal, json }) => {
  const view = await client.call('rotateKey', {});
  const failed = view.machines.some(({ state }) => state === 'failed');
  if (json) terminal.out(`${JSON.stringify(view)}\n`);
  else {
    const until =
      view.formerUntilMs === null
        ? ''
        : `, shown until ${formatUtcMinute(view.formerUntilMs)} to machines that know no other`;
    terminal.out(
      `this host has a new key: ${view.to}\nthe former one: ${view.from.slice(0, SHORT)}…${until}\n`,
    );
    for (const machine of view.machines) terminal.out(`  ${machine.name}: ${toldText(machine)}\n`);
  }
  return failed ? PARTLY_DONE : 0;
};

function toldText({ state, error }: Told): string {
  switch (state) {
    case 'told':
      return 'knows it';
    case 'away':
      return 'is not linked: it is told when it is';
    case 'no-keys':
      return 'needs none: its channel itself is trusted';
    case 'too-old':
      return `keeps the former one: ${error?.message ?? ''}`;
    case 'failed':
      return `could not be told, and is told when it is linked again: ${error?.message ?? ''} (${error?.code ?? ''})`;
  }
}

/** What `vm show` says of the keys beside the pinned one. */
export function keyRows({ hostKey, nextFingerprint }: VmView): string[][] {
  const rows: string[][] = [];
  if (nextFingerprint !== null)
    rows.push(['its next key', `${nextFingerprint}: both are trusted until it is seen`]);
  if (hostKey === null) return rows;
  const until = hostKey.untilMs === null ? '' : ` until ${formatUtcMinute(hostKey.untilMs)}`;
  const which = hostKey.isCurrent ? '' : ` (the former one, shown to it${until})`;
  return [...rows, ['knows this host by', `${hostKey.fingerprint.slice(0, SHORT)}…${which}`]];
}
