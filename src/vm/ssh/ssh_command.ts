import { CausewayError } from '../../base/errors.ts';
import type { SshEndpoint } from '../../contract/schemas.ts';

/** Where ssh goes, and how. */
export type SshTarget = Pick<SshEndpoint, 'host' | 'user' | 'port' | 'identity' | 'options'>;

/**
 * What no configuration of the user may change: nobody can answer a question, and what runs is what is asked. The keys
 * of machines are checked as the user's own configuration says.
 */
const FIXED = [
  'BatchMode=yes',
  'PermitLocalCommand=no',
  'RemoteCommand=none',
  'RequestTTY=no',
  'ClearAllForwardings=yes',
  'ForwardAgent=no',
  'ForwardX11=no',
  // one that becomes a master stays in the background, with our pipes
  'ControlMaster=no',
];

/** In seconds; the user's own options come before and may say others. A machine that is gone is noticed by these. */
const TIMES = ['ConnectTimeout=10', 'ServerAliveInterval=15', 'ServerAliveCountMax=3'];

/** Options that would let somebody else pass for the machine, or ask a question that nobody sees. */
const WEAKENING: readonly RegExp[] = [
  /^StrictHostKeyChecking=\s*"?(no|off|accept-new)\b/i,
  /^(UserKnownHostsFile|GlobalKnownHostsFile)=\s*"?(\/dev\/null|none)\b/i,
  /^NoHostAuthenticationForLocalhost=\s*"?yes\b/i,
  /^(BatchMode|RemoteCommand|RequestTTY|ForkAfterAuthentication|ControlMaster|SessionType|StdinNull)=/i,
];

/** `[USER@]HOST[:PORT]`, an IPv6 address in brackets where a port follows. CW_USAGE. */
export function parseSshTarget(text: string): SshTarget {
  const at = text.lastIndexOf('@');
  const place = text.slice(at + 1);
  const found = /^\[([0-9A-Fa-f:.%\w]+)\](?::(\d+))?$/.exec(place) ?? /^([^:]+)(?::(\d+))?$/.exec(place);
  const host = found?.[1] ?? (/^[0-9A-Fa-f:]+$/.test(place) ? place : null);
  const port = found?.[2] === undefined ? null : Number(found[2]);
  const user = at < 0 ? null : text.slice(0, at);
  if (host === null || host.startsWith('-') || user === '' || user?.startsWith('-'))
    throw usage(`\`${text}\` is not [USER@]HOST[:PORT]`);
  if (port !== null && (port < 1 || port > 65_535)) throw usage(`${port} is not a port`);
  return { host, ...(user === null ? {} : { user }), ...(port === null ? {} : { port }) };
}

/** `K=V` as `ssh -o` takes it. CW_USAGE where it weakens what ssh checks. */
export function checkSshOption(option: string): string {
  const text = option.trim();
  if (!/^[A-Za-z][A-Za-z0-9]+=/.test(text) || /[\0\r\n]/.test(text))
    throw usage(`--ssh-option takes NAME=VALUE, not \`${option}\``);
  if (WEAKENING.some((pattern) => pattern.test(text)))
    throw usage(`${text} is not passed on: it weakens how ssh knows the machine, or breaks the link`);
  return text;
}

/** The arguments that run `remote`, which the machine's login shell reads. */
export function sshArgv(target: SshTarget, remote: string): string[] {
  const { host, user, port, identity, options = [] } = target;
  const all = [...FIXED, ...options.map(checkSshOption), ...TIMES];
  return [
    'ssh',
    '-T',
    ...all.flatMap((option) => ['-o', option]),
    ...(identity === undefined ? [] : ['-i', identity, '-o', 'IdentitiesOnly=yes']),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
    '--',
    host,
    remote,
  ];
}

/** One word for sh, and for other shells that know single quotes. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** How people write it. */
export function sshText({ host, user, port }: SshTarget): string {
  const place = port === undefined ? host : host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return user === undefined ? place : `${user}@${place}`;
}

function usage(message: string): CausewayError {
  return new CausewayError('CW_USAGE', message);
}
