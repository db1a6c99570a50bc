import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { StateFile } from '../config/state_file.ts';
import { field, fieldList, type StateObject } from '../config/state_json.ts';
import type { Dir } from '../world/disk.ts';
import type { TlsIdentity } from '../world/net.ts';
import type { WebPlatform } from '../world/node/web_platform.ts';
import type { World } from '../world/world.ts';

const FILE_NAME = 'web-identity.json';
const OTHERS_BITS = 0o077;
const LOCAL_NAMES = ['localhost', '127.0.0.1', '::1'];

/**
 * Certificate and key of the console, in `web-identity.json` (mode 0600): made at the first start, and anew where it is
 * about to expire or the machine is called otherwise. CW_DAEMON_STATE where the file is damaged or others can read it.
 */
export async function loadWebIdentity(
  world: Pick<World, 'clock' | 'process'>,
  web: Pick<WebPlatform, 'createCertificate'>,
  place: { readonly dir: Dir; readonly dirPath: string },
  boundHost: string,
): Promise<TlsIdentity> {
  const file = new StateFile(place.dir, place.dirPath, FILE_NAME);
  const { hostName, platform } = world.process.info;
  const names = [...new Set([...LOCAL_NAMES, hostName, ...(isAnyAddress(boundHost) ? [] : [boundHost])])];
  const nowMs = world.clock.wallMs();
  const stored = await file.read();
  if (stored !== null) {
    if (platform !== 'win32' && (stored.mode & OTHERS_BITS) !== 0)
      throw new CausewayError(
        'CW_DAEMON_STATE',
        `${file.description} holds the key of the console and other users can read it: remove the file, a new one is made`,
      );
    const { identity, expiresAtMs, known } = parse(stored.body, file.description);
    const isFresh = nowMs < expiresAtMs - LIMITS.webCertificateRenewMs.value;
    if (isFresh && names.every((name) => known.includes(name))) return identity;
  }
  const lifeMs = LIMITS.webCertificateLifeMs.value;
  const identity = web.createCertificate({ names, nowMs, lifeMs });
  await file.write({ ...identity, expiresAtMs: nowMs + lifeMs, names: names.map((name) => ({ name })) });
  return identity;
}

function isAnyAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === '';
}

function parse(body: StateObject, description: string) {
  const text = (name: string) => field(body, name, 'string', description);
  return {
    identity: {
      certificatePem: text('certificatePem'),
      privateKeyPem: text('privateKeyPem'),
      fingerprint: text('fingerprint'),
    },
    expiresAtMs: field(body, 'expiresAtMs', 'number', description),
    known: fieldList(body, 'names', description).map((entry) => field(entry, 'name', 'string', description)),
  };
}
