import type { BenchMachine, BenchServer, ServerRequest } from '../world/bench_machine.ts';
import type { LoadTarget } from '../world/load.ts';

/** Where one share is served while it is measured. Paths are absolute. */
export interface PeerPlace {
  readonly machine: BenchMachine;
  /** The folder that is shared, with the files that are read. */
  readonly shared: string;
  /** A fresh folder for keys, configuration and state. */
  readonly state: string;
  /** A fresh empty folder to mount it on. */
  readonly mountpoint: string;
  /** Starts a program that is stopped when the share has been measured. */
  start(request: ServerRequest): BenchServer;
  /** Done then, before what was said earlier. */
  atEnd(action: () => Promise<void>): void;
}

/** A way of sharing a folder that can be measured. */
export interface SharePeer {
  readonly name: string;
  /** In a few words: the server, and what is between it and its client. */
  readonly what: string;
  /** Programs, and the Debian packages that have them. */
  readonly needs: readonly { readonly program: string; readonly debianPackage: string }[];
  /** Why it cannot be measured here although its programs are there, in a sentence; null where it can. */
  hindrance(machine: BenchMachine, isRoot: boolean): string | null;
  /** For people: which program of which version. */
  version(machine: BenchMachine): Promise<string>;
  /** Resolves when clients can use it. CW_BENCH, CW_TIMEOUT. */
  start(place: PeerPlace): Promise<LoadTarget>;
}

/** Why it is left out; null where it can be measured. */
export function absence(peer: SharePeer, machine: BenchMachine, isRoot: boolean): string | null {
  const missing = peer.needs.filter(({ program }) => machine.find(program) === null);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))];
    return `not installed: apt install ${packages.join(' ')}`;
  }
  return peer.hindrance(machine, isRoot);
}

/** The first line with `word` that a program prints when it is asked for its version. */
export async function versionLine(
  machine: BenchMachine,
  argv: readonly string[],
  word = '',
): Promise<string> {
  const path = machine.find(argv[0] ?? '') ?? argv[0] ?? '';
  const text = await machine.run([path, ...argv.slice(1)]);
  return (text.split('\n').find((line) => line.trim() !== '' && line.includes(word)) ?? '').trim();
}
