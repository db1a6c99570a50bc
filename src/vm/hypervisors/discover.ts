import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { RunCommand } from '../../world/command.ts';
import type { Net } from '../../world/net.ts';
import type { FoundMachine } from './found.ts';
import { Libvirt } from './libvirt.ts';
import { type QemuProcess, readQemu } from './qemu_command.ts';
import { askQemu } from './qmp.ts';

/** A program that runs here. */
export interface RunningProgram {
  readonly pid: number;
  readonly argv: readonly string[];
  /** Null where this user may not know. */
  readonly folder: string | null;
}

export interface DiscoverParts {
  readonly run: RunCommand;
  readonly net: Net;
  readonly clock: Clock;
  /** Programs that this user may see, whose name begins with `qemu`. */
  readonly programs: () => Promise<readonly RunningProgram[]>;
}

export interface DiscoverRequest {
  readonly uris: readonly string[];
  /** Control sockets beside those of running programs; absolute. */
  readonly controls: readonly string[];
}

export interface Discovered {
  readonly machines: readonly FoundMachine[];
  /** What could not be asked, and why. */
  readonly missed: readonly { readonly place: string; readonly error: CausewayError }[];
}

/** The virtual machines of this host. Never fails as a whole: what cannot be asked is told. CW_USAGE for a wrong URI. */
export async function discover(parts: DiscoverParts, request: DiscoverRequest): Promise<Discovered> {
  const missed: { place: string; error: CausewayError }[] = [];
  const machines: FoundMachine[] = [];
  const asking = request.uris.map((uri) => new Libvirt(uri, parts.run));
  for (const libvirt of asking)
    try {
      machines.push(...(await libvirt.list()));
    } catch (failure) {
      missed.push({ place: libvirt.uri, error: asCausewayError(failure) });
    }
  const known = new Set(machines.flatMap(({ uuid }) => uuid ?? []));
  const processes = (await parts.programs())
    .flatMap(({ pid, argv, folder }) => readQemu(pid, argv, folder) ?? [])
    .filter(({ uuid }) => uuid === null || !known.has(uuid));
  const asked = new Set<string>();
  for (const one of processes.slice(0, LIMITS.discoveredMax.value)) {
    for (const path of one.controls) asked.add(path);
    machines.push(await lookAt(parts, one));
  }
  for (const path of request.controls) {
    if (asked.has(path)) continue;
    try {
      machines.push(await askWithin(parts, path));
    } catch (failure) {
      missed.push({ place: path, error: asCausewayError(failure) });
    }
  }
  return { machines, missed };
}

/** A control socket may be in use by its owner: the command line tells enough then. */
async function lookAt(parts: DiscoverParts, process: QemuProcess): Promise<FoundMachine> {
  const { name, uuid, channels, controls } = process;
  const [control] = controls;
  const told: FoundMachine = { foundBy: 'qemu', name, uuid, state: 'running', channels };
  if (control === undefined) return told;
  try {
    const { state, uuid: own } = await askWithin(parts, control);
    return { ...told, state, uuid: uuid ?? own };
  } catch {
    return { ...told, state: 'unknown' }; // it runs, and what it does at the moment nobody tells
  }
}

async function askWithin({ net, clock }: DiscoverParts, path: string): Promise<FoundMachine> {
  const late = new AbortController();
  const over = new AbortController();
  const timer = clock.sleep(LIMITS.qmpAnswerMs.value, over.signal).then(
    () =>
      late.abort(new CausewayError('CW_TIMEOUT', `nothing is heard on ${path}: another program may use it`)),
    () => undefined, // it has answered
  );
  try {
    return await askQemu(net, path, late.signal);
  } finally {
    over.abort();
    await timer;
  }
}
