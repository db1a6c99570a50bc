import type { SshEndpoint } from '../../contract/schemas.ts';
import { shellQuote, sshArgv } from './ssh_command.ts';

/** Where the agent keeps what it knows of the host with this key: several hosts may use the same account. */
export function stateNameOf(deviceId: string): string {
  return `state-${deviceId.replace(/[^0-9A-Za-z]/g, '').slice(-24)}`;
}

/** Starts the installed agent on the machine, with its stdin and stdout as the link. */
export function agentArgv(endpoint: SshEndpoint, deviceId: string, trustCarrier: boolean): string[] {
  const { agentDirectory } = endpoint;
  const words = [`${agentDirectory}/current/causeway-agent`, 'run', '--stdio'];
  words.push('--data', `${agentDirectory}/${stateNameOf(deviceId)}`);
  if (trustCarrier) words.push('--trust-carrier');
  return sshArgv(endpoint, `exec ${words.map(shellQuote).join(' ')}`);
}
