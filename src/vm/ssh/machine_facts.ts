import { CausewayError } from '../../base/errors.ts';
import type { Said } from './remote.ts';

/** The oldest glibc that the runtime runs with. */
const GLIBC_MIN = [2, 28] as const;

/** What `uname -m` calls the processors that a runtime may be for. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'x64',
  amd64: 'x64',
  aarch64: 'arm64',
  arm64: 'arm64',
};

/** What was found out about a machine before anything is sent. */
export interface MachineFacts {
  /** Absolute: where agents lie. */
  readonly agentDirectory: string;
  readonly freeBytes: number;
  /** Parts that are there, whole. */
  readonly have: readonly string[];
  readonly current: string | null;
}

/** CW_AGENT_PLATFORM where the runtime of this host, for `architecture`, cannot run there. */
export function readFacts(said: Said, where: string, architecture: string): MachineFacts {
  const one = (name: string) => said.get(name)?.[0] ?? '';
  const refuse = (text: string) => new CausewayError('CW_AGENT_PLATFORM', `${where} ${text}`);
  if (one('system') !== 'Linux') throw refuse(`runs ${one('system') || 'an unknown system'}, not Linux`);
  const arch = ARCHITECTURES[one('arch')] ?? one('arch');
  if (arch !== architecture)
    throw refuse(`has the processor ${one('arch')}; the agent of this host is for ${architecture}`);
  const libc = one('libc');
  if (libc === 'musl') throw refuse('has the C library musl, and no glibc');
  const glibc = /^glibc (\d+)\.(\d+)/.exec(libc);
  if (glibc && !isEnough(Number(glibc[1]), Number(glibc[2]))) throw refuse(`has ${libc}`);
  const missing = said.get('missing') ?? [];
  if (missing.length > 0) throw refuse(`lacks ${missing.join(', ')}`);
  return {
    agentDirectory: one('base'),
    freeBytes: Number(one('freeKib')) * 1024,
    have: said.get('have') ?? [],
    current: one('current') || null,
  };
}

function isEnough(major: number, minor: number): boolean {
  return major > GLIBC_MIN[0] || (major === GLIBC_MIN[0] && minor >= GLIBC_MIN[1]);
}
