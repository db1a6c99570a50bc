import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Identity } from '../../src/access/identity.ts';
import { MasterKeys } from '../../src/access/keys/master_keys.ts';
import { fullGrant } from '../../src/access/rights/grant.ts';
import { createSimCryptography } from '../../src/world/sim/cryptography.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const SEEDS = process.env['SEED'] === undefined ? 60 : 1;
const LIFE_MS = 24 * 3_600_000;

/** What was acknowledged. A token is `unsure` while a change of it is under way. */
interface Known {
  readonly tokens: Map<string, 'valid' | 'revoked' | 'unsure'>;
}

async function withIdentity(world: World, use: (identity: Identity) => Promise<void>): Promise<void> {
  const dir = await world.disk.openRoot('/data');
  const ports = { ...world, crypto: createSimCryptography() };
  const vault = await MasterKeys.open(ports, dir, '/data', 'linux');
  await use(await Identity.open(ports, vault, { dir, dirPath: '/data' }));
  await dir.close();
}

/** Adds users, issues tokens, revokes some and removes some users, one after the other. */
async function live(identity: Identity, dice: Dice, { tokens }: Known): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    const user = await identity.users.add(`user${dice.u32()}`, [fullGrant('viewer')]);
    const { text } = await identity.tokens.issue({
      userId: user.id,
      label: '',
      bound: [fullGrant('viewer')],
      lifeMs: LIFE_MS,
    });
    tokens.set(text, 'valid');
    if (!dice.chance(0.6)) continue;
    tokens.set(text, 'unsure');
    if (dice.chance(0.5)) await identity.users.remove(user.id);
    else await identity.tokens.revoke(text.slice(4, 20));
    tokens.set(text, 'revoked');
  }
}

async function check(identity: Identity, { tokens }: Known, seed: number): Promise<void> {
  for (const [text, state] of tokens) {
    const isValid = identity.byToken(text) !== null;
    if (state === 'unsure') tokens.set(text, isValid ? 'valid' : 'revoked');
    else assert.equal(isValid, state === 'valid', `a ${state} token (SEED=${seed})`);
  }
  for (const { userId } of identity.tokens.list()) identity.users.get(userId);
}

describe('users and tokens when the power fails', () => {
  it('are as the last answer said', async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      const sim = new Sim(seed);
      const machine = sim.machine('host');
      machine.disk.writeTree('/data', {});
      const dice = Dice.fromSeed(seed).fork('trial');
      const known: Known = { tokens: new Map() };
      for (let life = 0; life < 3; life += 1) {
        const own = dice.fork('life');
        const main = (world: World) => withIdentity(world, (identity) => live(identity, own, known));
        const daemon = machine.spawn('daemon', main);
        sim.killAtOperation(daemon, own.between(30, 500), 'power');
        await sim.runUntil(() => !daemon.running);
        if (daemon.state === 'failed') throw daemon.failure;
        await sim.run(machine, (world) => withIdentity(world, (identity) => check(identity, known, seed)));
      }
      assert.deepEqual(sim.leaks(), []);
    }
  });
});
