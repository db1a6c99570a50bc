import { resolveAbsolute } from '../../base/path.ts';
import type { DiscoveredVmView } from '../../contract/machine_schemas.ts';
import type { Context } from '../program.ts';
import { table } from '../terminal.ts';

const HEAD = ['NAME', 'STATE', 'FOUND BY', 'CHANNEL', 'MACHINE', 'TO ADD IT'];

/** `causeway vm ls --discovered` */
export async function listDiscovered(context: Context, options: Record<string, unknown>): Promise<number> {
  const { client, terminal, json } = context;
  const sockets = ((options['qmp'] as string[] | undefined) ?? []).map((path) =>
    resolveAbsolute(terminal.cwd, path),
  );
  const uri = options['connect'] === undefined ? {} : { uri: String(options['connect']) };
  const found = await client.call('discoverVms', {}, { ...uri, ...(sockets.length > 0 && { qmp: sockets }) });
  if (json) {
    terminal.out(`${JSON.stringify(found)}\n`);
    return 0;
  }
  if (found.machines.length > 0) terminal.out(`${table([HEAD, ...found.machines.map(rowOf)])}\n`);
  else terminal.err('no virtual machine was found on this host\n');
  for (const { place, code, message } of found.missed) terminal.err(`${place}: ${message} (${code})\n`);
  return 0;
}

function rowOf({ foundBy, name, state, channel, vm, add }: DiscoveredVmView): string[] {
  const way = channel === null ? 'none' : channel.name;
  const next = add ?? (vm === null ? 'start QEMU with a port: see docs/machines.md' : '');
  return [printable(name), state, foundBy, printable(way), vm ?? '-', printable(next)];
}

/** Names are given by others, and must not move the cursor. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
