import { CausewayError } from '../../base/errors.ts';
import type { Dir } from '../../world/disk.ts';
import type { TlsIdentity } from '../../world/net.ts';
import type { World } from '../../world/world.ts';
import { StateFile } from './state_file.ts';
import { field, type StateObject } from './state_json.ts';
import { isFingerprint } from './trust_store.ts';

export const FILE_NAME = 'identity.json';
const OTHERS_BITS = 0o077;

/**
 * This device's own key: read from `identity.json` (mode 0600) of `dir`, made at the first start. `dirPath` is for
 * messages. CW_DAEMON_STATE where the file is damaged or other users can read it: a new key in its place would look
 * to every peer like somebody else, so that none is made.
 */
export async function loadIdentity(
  world: Pick<World, 'identities' | 'process'>,
  dir: Dir,
  dirPath: string,
): Promise<TlsIdentity> {
  return (await loadKeyFile(world, dir, dirPath)).identity;
}

/** The same, with all that is in the file. */
export async function loadKeyFile(
  world: Pick<World, 'identities' | 'process'>,
  dir: Dir,
  dirPath: string,
): Promise<{ readonly identity: TlsIdentity; readonly body: StateObject }> {
  const file = new StateFile(dir, dirPath, FILE_NAME);
  const stored = await file.read();
  if (stored === null) {
    const identity = await world.identities.create(`causeway ${world.process.info.hostName}`);
    await file.write(identity);
    return { identity, body: { ...identity } };
  }
  if (world.process.info.platform !== 'win32' && (stored.mode & OTHERS_BITS) !== 0) {
    throw new CausewayError(
      'CW_DAEMON_STATE',
      `${file.description} holds the private key and other users can read it (mode ${stored.mode.toString(8)}): ` +
        'set it to 600, and pair anew if somebody else may have read it',
    );
  }
  return { identity: parseIdentity(stored.body, file.description), body: stored.body };
}

/** CW_DAEMON_STATE. */
export function parseIdentity(body: StateObject, description: string): TlsIdentity {
  const text = (name: string) => field(body, name, 'string', description);
  const fingerprint = text('fingerprint');
  if (!isFingerprint(fingerprint)) {
    throw new CausewayError('CW_DAEMON_STATE', `${description}: fingerprint is no SHA-256 in hex`);
  }
  return { certificatePem: text('certificatePem'), privateKeyPem: text('privateKeyPem'), fingerprint };
}
