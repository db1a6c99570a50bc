import { readFileSync } from 'node:fs';
import type { MemoryState } from '../process.ts';

const GROUPS = '/sys/fs/cgroup';
const KIB = 1024;

/** The group of control of this process that holds its memory, by the version of the interface; null where there is none. */
interface Group {
  readonly folder: string;
  readonly isUnified: boolean;
}

function text(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null; // no Linux, or a kernel without it
  }
}

/** cgroups(7): one line for each hierarchy; the unified one has number 0 and no names. */
function findGroup(): Group | null {
  const lines = text('/proc/self/cgroup')?.split('\n') ?? [];
  for (const line of lines) {
    const [number = '', controllers = '', ...rest] = line.split(':');
    const path = rest.join(':').replace(/\/$/, '');
    if (controllers.split(',').includes('memory')) {
      const folder = `${GROUPS}/memory${path}`;
      if (text(`${folder}/memory.limit_in_bytes`) !== null) return { folder, isUnified: false };
    }
    if (number === '0' && controllers === '' && text(`${GROUPS}${path}/memory.max`) !== null)
      return { folder: `${GROUPS}${path}`, isUnified: true };
  }
  return null;
}

/** `memory.stat` of a group: pages of files that can be taken back. */
function fileBytes(stat: string): number {
  const value = (name: string) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(stat)?.[1] ?? 0);
  return value('inactive_file') + value('active_file');
}

/** A limit of the group or of one above it, and what is left below it; null where there is none. */
function ofGroup({ folder, isUnified }: Group): { maxBytes: number; leftBytes: number } | null {
  const names = isUnified
    ? (['memory.max', 'memory.current'] as const)
    : (['memory.limit_in_bytes', 'memory.usage_in_bytes'] as const);
  let tightest: { maxBytes: number; leftBytes: number } | null = null;
  for (let at = folder; at.length > GROUPS.length; at = at.slice(0, at.lastIndexOf('/'))) {
    const maxBytes = Number.parseInt(text(`${at}/${names[0]}`) ?? '', 10); // `max` is no number
    if (!(maxBytes < Number.MAX_SAFE_INTEGER)) continue;
    const usedBytes = Number(text(`${at}/${names[1]}`) ?? 0) - fileBytes(text(`${at}/memory.stat`) ?? '');
    const leftBytes = Math.max(0, maxBytes - usedBytes);
    if (tightest === null || leftBytes < tightest.leftBytes) tightest = { maxBytes, leftBytes };
  }
  return tightest;
}

/** The `some` line of a pressure file, in ms; null where it is not measured. */
function waitOf(pressure: string | null): number | null {
  const total = /^some .*total=(\d+)/m.exec(pressure ?? '')?.[1];
  return total === undefined ? null : Math.floor(Number(total) / 1_000);
}

/** A process may be moved to another group at any time: it is looked for each time. */
export function memoryState(machineBytes: number): MemoryState {
  const group = findGroup();
  const held = group === null ? null : ofGroup(group);
  const machine = /^MemAvailable: +(\d+)/m.exec(text('/proc/meminfo') ?? '')?.[1];
  const freeBytes = machine === undefined ? null : Number(machine) * KIB;
  const ownWaitMs = group?.isUnified === true ? waitOf(text(`${group.folder}/memory.pressure`)) : null;
  return {
    allowedBytes: Math.min(machineBytes, held?.maxBytes ?? machineBytes),
    availableBytes: held === null ? freeBytes : Math.min(held.leftBytes, freeBytes ?? held.leftBytes),
    waitMs: ownWaitMs ?? waitOf(text('/proc/pressure/memory')),
  };
}
