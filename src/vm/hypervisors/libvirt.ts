import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { CommandResult, RunCommand } from '../../world/command.ts';
import { type Domain, parseDomain } from './domain_xml.ts';
import type { FoundMachine } from './found.ts';

/** Where libvirt runs machines of all users of this host. */
export const SYSTEM_URI = 'qemu:///system';

/** A hypervisor of this very host: no other host, and no program that libvirt would start to get there. */
const LOCAL_URI = /^[a-z]+:\/\/\/[\w./-]*(\?socket=\/[\w./-]+)?$/;

/** CW_USAGE where the URI leads elsewhere. */
export function checkUri(uri: string): string {
  if (LOCAL_URI.test(uri)) return uri;
  throw new CausewayError(
    'CW_USAGE',
    `\`${uri}\` is no hypervisor of this host: give one such as ${SYSTEM_URI}`,
  );
}

/** libvirt, as `virsh` shows it. */
export class Libvirt {
  readonly uri: string;
  readonly #run: RunCommand;
  readonly #signal: AbortSignal | undefined;

  /** CW_USAGE. */
  constructor(uri: string, run: RunCommand, signal?: AbortSignal) {
    this.uri = checkUri(uri);
    this.#run = run;
    this.#signal = signal;
  }

  /** All domains, as anybody may see them. CW_PROGRAM_MISSING, CW_LIBVIRT*, CW_TIMEOUT. */
  async list(): Promise<FoundMachine[]> {
    const all = await this.#uuids('--all');
    const paused = new Set(await this.#uuids('--state-paused'));
    const found: FoundMachine[] = [];
    for (const uuid of all.slice(0, LIMITS.discoveredMax.value)) {
      const domain = await this.domain(uuid, true).catch((failure) => {
        if ((failure as Partial<CausewayError>).code === 'CW_LIBVIRT_DOMAIN') return null; // removed since it was listed
        throw failure;
      });
      if (domain === null) continue;
      const { name, isActive, channels } = domain;
      const state = paused.has(uuid) ? 'paused' : isActive ? 'running' : 'off';
      found.push({ foundBy: 'libvirt', name, uuid, state, channels });
    }
    return found;
  }

  /** By name or UUID: as it runs, or as it will be started. CW_LIBVIRT_DOMAIN. */
  async domain(named: string, readOnly = false, isInactive = false): Promise<Domain> {
    const more = isInactive ? ['--inactive'] : [];
    return parseDomain(await this.virsh(['dumpxml', ...more, '--domain', named], readOnly));
  }

  /** False for one that is gone once it is switched off. */
  async isPersistent(named: string): Promise<boolean> {
    const about = await this.virsh(['dominfo', '--domain', named], true);
    return !/^Persistent:\s*no$/m.test(about);
  }

  /** What virsh prints. CW_PROGRAM_MISSING, CW_LIBVIRT*, CW_TIMEOUT. */
  async virsh(words: readonly string[], readOnly = false): Promise<string> {
    const result = await this.#run({
      argv: this.argv(words, readOnly),
      idleTimeoutMs: LIMITS.hypervisorAnswerMs.value,
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    });
    if (result.exitCode === 0) return result.stdout;
    throw failureOf(result);
  }

  argv(words: readonly string[], readOnly = false): string[] {
    const how = readOnly ? ['--readonly'] : [];
    return ['env', 'LC_ALL=C', 'virsh', '--quiet', ...how, '--connect', this.uri, ...words];
  }

  async #uuids(which: string): Promise<string[]> {
    const text = await this.virsh(['list', which, '--uuid'], true);
    return text.split('\n').flatMap((line) => /^\s*([0-9a-f-]{36})\s*$/.exec(line)?.[1] ?? []);
  }
}

const SIGNS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/env: .*virsh.*No such file/, 'CW_PROGRAM_MISSING'],
  [/failed to get domain|Domain not found|no domain with matching/i, 'CW_LIBVIRT_DOMAIN'],
  [/access denied|authentication|Permission denied|polkit|read only access/i, 'CW_LIBVIRT_DENIED'],
  [/failed to connect to the hypervisor/, 'CW_LIBVIRT_DOWN'],
];

function failureOf({ stderr, exitCode }: CommandResult): CausewayError {
  const words = stderr
    .trim()
    .split(/\r?\n/)
    .map((line) => line.replace(/^error: /, ''))
    .filter((line) => line !== '')
    .join('; ');
  const found = SIGNS.find(([sign]) => sign.test(stderr));
  const text = words === '' ? `ended with exit code ${exitCode ?? 'none'}` : words;
  return new CausewayError(found?.[1] ?? 'CW_LIBVIRT', `virsh: ${text.slice(0, 1_000)}`);
}
