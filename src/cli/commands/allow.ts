import { CausewayError } from '../../base/errors.ts';
import type { Action, Context } from '../program.ts';

/** `causeway allow ls` */
export const allowList: Action = async (context) => {
  const { networks, configured } = await context.client.call('showAllow', {});
  return show(context, networks, configured);
};

/** `causeway allow add NETWORK…` */
export const allowAdd: Action = async (context, added) => {
  const { networks } = await context.client.call('showAllow', {});
  const next = [...new Set([...networks, ...added])];
  const now = await context.client.call('setAllow', {}, { networks: next });
  return show(context, now.networks, now.configured);
};

/** `causeway allow rm NETWORK…` */
export const allowRemove: Action = async (context, removed) => {
  const { networks } = await context.client.call('showAllow', {});
  const missing = removed.find((one) => !networks.includes(one));
  if (missing !== undefined) throw new CausewayError('CW_USAGE', `${missing} is not in the list`);
  const next = networks.filter((one) => !removed.includes(one));
  const now = await context.client.call('setAllow', {}, { networks: next });
  return show(context, now.networks, now.configured);
};

function show(
  { terminal, json }: Context,
  networks: readonly string[],
  configured: readonly string[],
): number {
  if (json) terminal.out(`${JSON.stringify(networks)}\n`);
  else if (networks.length === 0 && configured.length === 0) terminal.out('every address may sign in\n');
  else if (networks.length === 0)
    terminal.out(
      `the list is empty; the settings let in:\n${configured.join('\n')}\nand this machine itself\n`,
    );
  else terminal.out(`${networks.join('\n')}\nand this machine itself\n`);
  return 0;
}
