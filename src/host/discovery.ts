import type { DiscoveredVmView, DiscoverRequest, DiscoveryView } from '../contract/machine_schemas.ts';
import type { VmView } from '../contract/schemas.ts';
import { type DiscoverParts, discover } from '../vm/hypervisors/discover.ts';
import { type FoundMachine, ownChannel } from '../vm/hypervisors/found.ts';
import { SYSTEM_URI } from '../vm/hypervisors/libvirt.ts';
import { shellQuote } from '../vm/ssh/ssh_command.ts';
import { runNodeCommand } from '../world/node/command.ts';
import { runningPrograms } from '../world/node/running_programs.ts';
import type { World } from '../world/world.ts';

/** The virtual machines of this host, beside those that the daemon knows. */
export class Discovery {
  readonly #parts: DiscoverParts;
  readonly #vms: () => readonly VmView[];

  constructor({ net, clock }: World, vms: () => readonly VmView[]) {
    this.#parts = { run: runNodeCommand, net, clock, programs: () => runningPrograms('qemu') };
    this.#vms = vms;
  }

  /** CW_USAGE for a URI that leads elsewhere. */
  async look({ uri, qmp = [] }: DiscoverRequest): Promise<DiscoveryView> {
    const controls = [qmp].flat();
    const { machines, missed } = await discover(this.#parts, { uris: [uri ?? SYSTEM_URI], controls });
    const vms = this.#vms();
    const taken = new Set(vms.map(({ name }) => name));
    return {
      machines: machines.map((machine) => viewOf(machine, { vms, taken, uri })),
      missed: missed.map(({ place, error }) => ({ place, code: error.code, message: error.message })),
    };
  }
}

interface Known {
  readonly vms: readonly VmView[];
  readonly taken: Set<string>;
  readonly uri: string | undefined;
}

function viewOf(machine: FoundMachine, { vms, taken, uri }: Known): DiscoveredVmView {
  const { foundBy, name, uuid, state } = machine;
  const channel = ownChannel(machine);
  const path = channel?.path ?? null;
  const vm = path === null ? null : (vms.find(({ endpoint }) => pathOf(endpoint) === path)?.name ?? null);
  const about = { foundBy, name, uuid, state, channel, vm };
  if (vm !== null) return { ...about, add: null };
  if (path !== null)
    return { ...about, add: `causeway vm add ${freeName(name, taken)} --serial ${wordOf(path)}` };
  if (foundBy === 'qemu') return { ...about, add: null };
  const place = uri === undefined ? '' : ` --connect ${wordOf(uri)}`;
  return { ...about, add: `causeway vm add ${freeName(name, taken)} --libvirt ${wordOf(name)}${place}` };
}

function pathOf(endpoint: VmView['endpoint']): string | null {
  return endpoint.kind === 'serial' || endpoint.kind === 'unix' ? endpoint.path : null;
}

/** What is proposed as a name here: letters, digits, dots and hyphens, and of no other machine. */
function freeName(name: string, taken: Set<string>): string {
  const plain = name
    .replace(/[^0-9A-Za-z.-]+/g, '-')
    .slice(0, 60)
    .replace(/^[.-]+|[.-]+$/g, '');
  const base = plain === '' ? 'vm' : plain;
  let free = base;
  for (let at = 2; taken.has(free); at += 1) free = `${base}-${at}`;
  taken.add(free);
  return free;
}

/** As a shell takes it. */
function wordOf(text: string): string {
  return /^[\w./:=?-]+$/.test(text) && !text.includes('?') ? text : shellQuote(text);
}
