import { readSecretLine } from '../../world/node/secret_input.ts';
import type { Action } from '../program.ts';

/** `causeway totp enrol USER`: shows the secret, and takes its first code, typed or from standard input. */
export const totpEnrol: Action = async ({ client, terminal, json }, [name = '']) => {
  const { uri, secret } = await client.call('beginUserTotp', { name });
  if (json) terminal.out(`${JSON.stringify({ uri, secret })}\n`);
  else {
    const { qrForTerminal } = await import('../../access/second_factor/enrolment.ts');
    terminal.out(`${qrForTerminal(uri)}\n\nScan it, or type in: ${secret}\n`);
  }
  const code = await readSecretLine('Code that the authenticator shows');
  const { codes } = await client.call('confirmUserTotp', { name }, { code });
  terminal.out(
    json
      ? `${JSON.stringify({ recoveryCodes: codes })}\n`
      : `\nOn. Each of these works once where the authenticator is lost; they are shown this once:\n  ${codes.join('\n  ')}\n`,
  );
  return 0;
};

/** `causeway totp off USER` */
export const totpOff: Action = async ({ client, terminal, json }, [name = '']) => {
  await client.call('clearUserTotp', { name });
  terminal.out(json ? `${JSON.stringify({ off: name })}\n` : `${name} signs in by password alone\n`);
  return 0;
};
