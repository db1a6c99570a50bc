import type { Dir } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';
import { PairingTokens } from './pairing.ts';
import { StateFile } from './state_file.ts';

/** Pairing tokens that survive a restart: kept in `pairing.json` (mode 0600) of `dir`. CW_DAEMON_STATE where it is damaged. */
export async function openPairingTokens(
  world: Pick<World, 'clock' | 'random' | 'identities'>,
  dir: Dir,
  dirPath: string,
): Promise<PairingTokens> {
  const file = new StateFile(dir, dirPath, 'pairing.json');
  const tokens = new PairingTokens(world, (state) => file.write(JSON.parse(state)));
  const stored = await file.read();
  if (stored !== null) tokens.restore(JSON.stringify(stored.body));
  return tokens;
}
