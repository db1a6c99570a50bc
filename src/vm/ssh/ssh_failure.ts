import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import type { CommandResult } from '../../world/command.ts';
import { type SshTarget, sshText } from './ssh_command.ts';

/** ssh itself ends with this one; every other is of the command over there. */
export const SSH_FAILED = 255;

/** What ssh says in English, whatever the language of the user (it has no other). */
const SIGNS: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [/REMOTE HOST IDENTIFICATION HAS CHANGED/, 'CW_SSH_HOST_KEY', 'its key is another than before'],
  [/Host key verification failed|No \S+ host key is known/, 'CW_SSH_HOST_KEY', 'its key is not known yet'],
  [/Permission denied|Too many authentication failures/, 'CW_SSH_AUTH', 'it refuses the sign-in'],
  [/Could not resolve hostname/, 'CW_SSH_UNREACHABLE', 'the name is not known'],
  [/Connection refused/, 'CW_SSH_UNREACHABLE', 'nothing listens there'],
  [/timed out|No route to host|Network is unreachable/i, 'CW_SSH_UNREACHABLE', 'it does not answer'],
];

/** Why ssh did not get to the machine. */
export function sshFailure(target: SshTarget, { stderr, exitCode }: CommandResult): CausewayError {
  const words = stderr.trim();
  const found = SIGNS.find(([sign]) => sign.test(words));
  const last = words.split(/\r?\n/).at(-1) ?? '';
  const where = `ssh to ${sshText(target)}`;
  if (found) return new CausewayError(found[1], `${where}: ${found[2]} (${last})`);
  const text = words === '' ? `ended with exit code ${exitCode ?? 'none'}` : last;
  return new CausewayError('CW_SSH_FAILED', `${where}: ${text}`);
}
