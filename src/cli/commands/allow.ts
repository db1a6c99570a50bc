import { CausewayError } from '../../base/errors.ts';
import type { Action, Context } from '../program.ts';

/** `causeway allow ls` */
export const allowList: Action = async (context) => {
  const { networks } = await context.client.call('showAllow', {});
  return show(context, networks);
};

/** `causeway allow add NETWORK…` */
export const allowAdd: Action = async (context, added) => {
  const { networks } = await context.client.call('showAllow', {});
  const next = [...new Set([...networks, ...added])];
  return show(context, (await context.client.call('setAllow', {}, { networks: next })).networks);
};

/** `causeway allow rm NETWORK…` */
export const allowRemove: Action = async (context, removed) => {
  const { networks } = await context.client.call('showAllow', {});
  const missing = removed.find((one) => !networks.includes(one));
  if (missing !== undefined) throw new CausewayError('CW_USAGE', `${missing} is not in the list`);
  const next = networks.filter((one) => !removed.includes(one));
  return show(context, (await context.client.call('setAllow', {}, { networks: next })).networks);
};

function show({ terminal, json }: Context, networks: readonly string[]): number {
  if (json) terminal.out(`${JSON.stringify(networks)}\n`);
  else if (networks.length === 0) terminal.out('every address may sign in\n');
  else terminal.out(`${networks.join('\n')}\nand this machine itself\n`);
  return 0;
}
