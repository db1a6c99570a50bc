import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Identity } from '../../src/access/identity.ts';
import { MasterKeys } from '../../src/access/keys/master_keys.ts';
import { Passwords } from '../../src/access/passwords/passwords.ts';
import type { AccessPorts } from '../../src/access/ports.ts';
import type { Dir } from '../../src/world/disk.ts';
import { createNodeCryptography } from '../../src/world/node/cryptography.ts';
import { createNodeDisk } from '../../src/world/node/disk.ts';
import { createNodeRandom } from '../../src/world/node/random.ts';
import { ManualClock } from '../link/manual_clock.ts';

export const CHEAP = { memoryBytes: 64 * 1024, passes: 1, lanes: 1 };
export const PASSWORD = 'correct horse battery';

/** A data directory on the real disk, real cryptography, and time that moves when a test says so. */
export interface Rig {
  readonly ports: AccessPorts & { readonly clock: ManualClock };
  readonly dir: Dir;
  readonly path: string;
  vault(): Promise<MasterKeys>;
  /** The identity of the directory, as a daemon that starts now sees it. */
  identity(): Promise<Identity>;
}

export async function createRig(context: TestContext): Promise<Rig> {
  const path = mkdtempSync(join(tmpdir(), 'causeway-access-'));
  const dir = await createNodeDisk().openRoot(path);
  context.after(async () => {
    await dir.close();
    rmSync(path, { recursive: true });
  });
  const ports = { clock: new ManualClock(), random: createNodeRandom(), crypto: createNodeCryptography() };
  const vault = () => MasterKeys.open(ports, dir, path, 'linux');
  const identity = async () =>
    Identity.open(ports, await vault(), { dir, dirPath: path }, new Passwords(ports, CHEAP));
  return { ports, dir, path, vault, identity };
}

/** Makes the first administrator, called `ann`; gives its id. */
export async function becomeAnn(identity: Identity): Promise<string> {
  const link = await identity.links.issueFirst();
  if (link === null) throw new Error('there are users already');
  return identity.becomeFirst(link.text, 'ann', PASSWORD);
}

/** A user with a password, made as an administrator and the user would. */
export async function addUser(
  identity: Identity,
  ...args: Parameters<Identity['users']['add']>
): Promise<string> {
  const { id } = await identity.users.add(...args);
  await identity.setPasswordByLink((await identity.links.issueFor(id)).text, PASSWORD);
  return id;
}
