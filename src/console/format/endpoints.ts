import type { AddVmRequest, VmEndpoint } from '../../contract/schemas.ts';

/** What a person types to add a machine; each kind uses some of it. */
export interface MachineDraft {
  /** By ssh a machine is added on the command line, which brings the agent there. */
  readonly kind: Exclude<VmEndpoint['kind'], 'ssh'>;
  readonly name: string;
  readonly address: string;
  readonly token: string;
  readonly path: string;
  readonly command: string;
  readonly trust: boolean;
}

export const EMPTY_DRAFT: MachineDraft = {
  kind: 'tcp',
  name: '',
  address: '',
  token: '',
  path: '',
  command: '',
  trust: false,
};

export type DraftField = 'name' | 'address' | 'token' | 'path' | 'command';

const NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/;

/** The fields that are not right yet. */
export function wrongFields(draft: MachineDraft): Set<DraftField> {
  const wrong = new Set<DraftField>();
  if (!NAME.test(draft.name.trim())) wrong.add('name');
  if (draft.kind === 'tcp' && parseAddress(draft.address) === null) wrong.add('address');
  if (draft.kind === 'tcp' && draft.token.trim() === '') wrong.add('token');
  const hasPath = draft.kind === 'serial' || draft.kind === 'unix';
  if (hasPath && !draft.path.startsWith('/')) wrong.add('path');
  if (draft.kind === 'exec' && splitCommand(draft.command).length === 0) wrong.add('command');
  return wrong;
}

/** The request of a draft without wrong fields. */
export function requestOf(draft: MachineDraft): AddVmRequest {
  return {
    name: draft.name.trim(),
    endpoint: endpointOf(draft),
    ...(draft.kind === 'tcp' ? { token: draft.token.trim() } : {}),
    ...(draft.trust && draft.kind !== 'tcp' && draft.kind !== 'listen' ? { trustCarrier: true } : {}),
  };
}

function endpointOf({ kind, address, path, command }: MachineDraft): VmEndpoint {
  switch (kind) {
    case 'tcp':
      return { kind, ...(parseAddress(address) ?? { host: '', port: 0 }) };
    case 'serial':
    case 'unix':
      return { kind, path };
    case 'exec':
      return { kind, argv: splitCommand(command) };
    case 'listen':
      return { kind };
  }
}

/** `host:port`, with an IPv6 address in brackets; null for anything else. */
export function parseAddress(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) return null;
  return { host: (match[1] ?? match[2])!, port };
}

/** Words of a command line; quotes of both kinds keep blanks together. No shell runs it. */
export function splitCommand(text: string): string[] {
  const words = text.match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g) ?? [];
  return words.map((word) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, (_, a?: string, b?: string) => a ?? b ?? ''),
  );
}
