import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { DaemonClient } from '../../src/cli/client.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { ROOT, Served } from '../interop/rig.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
/** MUTATIONS=500 for all. */
const MUTATIONS = Number(process.env['MUTATIONS'] ?? 100);
const KILL_EVERY = 25;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'] as [string, ...string[]];

type Kind = 'user' | 'vm';

/** What must be there, as far as it was acknowledged; `maybe` was under way at a kill. */
class Model {
  readonly there = new Map<Kind, Set<string>>([
    ['user', new Set()],
    ['vm', new Set()],
  ]);
  maybe: { readonly kind: Kind; readonly name: string } | null = null;

  check(kind: Kind, found: readonly string[]): void {
    const known = this.there.get(kind)!;
    const { maybe } = this;
    if (maybe?.kind === kind) {
      if (found.includes(maybe.name)) known.add(maybe.name);
      else known.delete(maybe.name);
    }
    assert.deepEqual([...found].sort(), [...known].sort(), `${kind}s`);
  }
}

async function mutate(client: DaemonClient, model: Model, dice: Dice): Promise<void> {
  const kind = dice.pick(['user', 'vm'] as [Kind, Kind]);
  const name = dice.pick(NAMES);
  const known = model.there.get(kind)!;
  model.maybe = { kind, name };
  if (known.has(name)) {
    await client.call(kind === 'user' ? 'removeUser' : 'removeVm', { name });
    known.delete(name);
  } else {
    if (kind === 'user') await client.call('addUser', {}, { name, grants: [] });
    else await client.call('addVm', {}, { name, endpoint: { kind: 'listen' } });
    known.add(name);
  }
  model.maybe = null;
}

it(`a daemon that is killed among ${MUTATIONS} changes has what it acknowledged, and a sound audit log (SEED=${SEED})`, async (t) => {
  const dice = Dice.fromSeed(SEED);
  const folder = mkdtempSync(join(tmpdir(), 'causeway-kill-'));
  const data = join(folder, 'host');
  mkdirSync(data);
  const start = async (): Promise<Served> => {
    const served = new Served(join(ROOT, 'src/cli/main.ts'), ['--data', data, 'up', '--no-web']);
    await served.ready;
    return served;
  };
  const client = new DaemonClient(data);
  const model = new Model();
  let daemon = await start();
  t.after(async () => {
    await daemon.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  for (let at = 1; at <= MUTATIONS; at += 1) {
    if (at % KILL_EVERY !== 0) {
      await mutate(client, model, dice);
      continue;
    }
    const under = mutate(client, model, dice).catch(() => undefined); // it may or may not have been done
    for (let turn = dice.between(0, 40); turn > 0; turn -= 1)
      await new Promise((resolve) => setImmediate(resolve));
    await daemon.kill('SIGKILL');
    await under;
    daemon = await start();
    model.check(
      'user',
      (await client.call('listUsers', {})).map(({ name }) => name),
    );
    model.check(
      'vm',
      (await client.call('listVms', {})).map(({ name }) => name),
    );
    model.maybe = null;
    const { isSound, problems } = await client.call('verifyAudit', {});
    assert.ok(isSound, JSON.stringify(problems));
  }
  const acknowledged = await client.call(
    'searchAudit',
    {},
    { outcome: 'started', action: 'vm.*', limit: 1_000 },
  );
  assert.ok(acknowledged.records.length > MUTATIONS / 5, 'each change has its record');
});
