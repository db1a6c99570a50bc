import type { Action } from '../program.ts';

/** `causeway down` */
export const down: Action = async ({ client, terminal, json }) => {
  await client.call('stop', {});
  if (json) terminal.out(`${JSON.stringify({ stopped: true })}\n`);
  return 0;
};
