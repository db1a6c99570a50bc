import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import { ROUTES } from '../../contract/routes.ts';
import { Dice } from '../../world/sim/dice.ts';
import { ACTIONS, type Action } from './actions.ts';
import { decide, demand } from './decide.ts';
import { type Conditions, checkGrants, fullGrant, type Grant } from './grant.ts';
import { LOCAL_OWNER, type Principal } from './principal.ts';
import { PROCEDURE_ACTIONS } from './procedure_actions.ts';
import { ROLES, type Role } from './roles.ts';
import type { Resource } from './scope.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const NOW: { nowMs: number; address: string | null } = {
  nowMs: Date.UTC(2030, 0, 1, 12),
  address: '10.0.0.7',
};
const ALL_ACTIONS = Object.keys(ACTIONS) as Action[];

function user(grants: readonly Grant[], more: Partial<Principal> = {}): Principal {
  return { kind: 'user', userId: 'u1', name: 'ann', grants, bound: null, secondFactor: false, ...more };
}

function may(principal: Principal, action: Action, resources: readonly Resource[], now = NOW): boolean {
  return decide(principal, action, resources, now).allowed;
}

/** What the action is asked about, inside of vm:web-* and of folder /srv, or outside of both. */
function resourcesOf(action: Action, place: 'inside' | 'outside'): Resource[] {
  const vm = place === 'inside' ? 'web-1' : 'db-1';
  switch (ACTIONS[action].reach) {
    case 'vm':
      return [{ kind: 'vm', vm }];
    case 'path':
      return [{ kind: 'path', vm, path: '/srv/data' }];
    case 'own':
      return [{ kind: 'account', userId: place === 'inside' ? 'u1' : 'u2' }];
    default:
      return [];
  }
}

/** Written down apart from the rules: what each role may do. */
const EXPECTED: Readonly<Record<Role, readonly Action[]>> = {
  viewer: [
    ...(['daemon.status', 'metrics.read', 'vm.list', 'vm.read', 'job.list', 'job.read'] as const),
    ...(['account.read', 'account.change', 'share.use', 'share.watch'] as const),
  ],
  operator: [
    ...(['job.start', 'job.control', 'job.undo', 'file.list', 'settings.read', 'share.write'] as const),
    ...(['upload.read', 'upload.change'] as const),
  ],
  admin: [
    ...([
      'daemon.stop',
      'settings.change',
      'vm.add',
      'vm.add-local',
      'vm.discover',
      'vm.pair',
      'vm.update',
      'vm.rotate',
      'key.rotate',
      'vm.change',
      'vm.remove',
    ] as const),
    ...(['user.read', 'user.change', 'audit.read', 'audit.change'] as const),
    ...(['share.read', 'share.change', 'notify.read', 'notify.change'] as const),
    ...(['mount.read', 'mount.change'] as const),
  ],
};

describe('the role matrix', () => {
  it('has an expectation for each action, once', () => {
    assert.deepEqual(Object.values(EXPECTED).flat().sort(), [...ALL_ACTIONS].sort());
  });

  for (const role of ROLES) {
    const included = ROLES.slice(0, ROLES.indexOf(role) + 1).flatMap((one) => EXPECTED[one]);
    for (const action of ALL_ACTIONS) {
      const allowed = included.includes(action);
      it(`${role}, ${action}: ${allowed ? 'yes' : 'no'}, everywhere`, () => {
        const everywhere = user([fullGrant(role)]);
        assert.equal(may(everywhere, action, resourcesOf(action, 'inside')), allowed);
        const isOwn = ACTIONS[action].reach === 'own';
        assert.equal(may(everywhere, action, resourcesOf(action, 'outside')), allowed && !isOwn);
      });

      it(`${role}, ${action}: with a scope, inside of it only`, () => {
        const limited = user([{ role, scopes: ['vm:web-*'] }]);
        const { reach } = ACTIONS[action];
        assert.equal(may(limited, action, resourcesOf(action, 'inside')), allowed && reach !== 'all');
        assert.equal(may(limited, action, resourcesOf(action, 'outside')), allowed && reach === 'any');
      });
    }
  }

  it('lets a viewer change nothing but the own account', () => {
    const changing = ALL_ACTIONS.filter((action) => ACTIONS[action].changes);
    assert.ok(changing.length > 10);
    const allowed = changing.filter((action) =>
      may(user([fullGrant('viewer')]), action, resourcesOf(action, 'inside')),
    );
    assert.deepEqual(allowed, ['account.change']);
  });

  it('lets nobody do anything without a grant', () => {
    for (const action of ALL_ACTIONS)
      assert.ok(!may(user([]), action, resourcesOf(action, 'inside')), action);
  });

  it('refuses an action that it does not know, and one whose object is missing or of another kind', () => {
    const admin = user([fullGrant('admin')]);
    for (const action of ['nonsense', 'toString', '__proto__', '']) {
      assert.deepEqual(decide(admin, action as Action, [], NOW), { allowed: false, reason: 'resource' });
    }
    for (const action of ALL_ACTIONS) {
      const right = resourcesOf(action, 'inside');
      const wrong: Resource[][] = [
        right.length === 0 ? [{ kind: 'vm', vm: 'web-1' }] : [],
        [
          ...right,
          { kind: right[0]?.kind === 'vm' ? 'account' : 'vm', vm: 'web-1', userId: 'u1' } as Resource,
        ],
      ];
      for (const resources of wrong) {
        assert.deepEqual(
          decide(admin, action, resources, NOW),
          { allowed: false, reason: 'resource' },
          action,
        );
      }
    }
  });

  it('gives every procedure of the API an action', () => {
    assert.deepEqual(Object.keys(PROCEDURE_ACTIONS).sort(), Object.keys(ROUTES).sort());
    const unproven = Object.entries(PROCEDURE_ACTIONS).filter(([, action]) => action === 'open');
    assert.deepEqual(unproven.map(([name]) => name).sort(), ['logIn', 'lookLink', 'redeemLink']);
    const anybody = Object.entries(PROCEDURE_ACTIONS).filter(([, action]) => action === 'signed-in');
    assert.deepEqual(anybody.map(([name]) => name).sort(), ['logOut', 'me']);
    for (const [name, { method }] of Object.entries(ROUTES)) {
      const action = PROCEDURE_ACTIONS[name as keyof typeof ROUTES];
      if (action === 'open' || action === 'signed-in') continue;
      assert.equal(ACTIONS[action].changes, method !== 'GET', `${name} is ${method}`);
    }
  });
});

describe('scopes', () => {
  const path = (vm: string | null, at: string): Resource => ({ kind: 'path', vm, path: at });
  const starts = (scopes: string[], ...resources: Resource[]): boolean =>
    may(user([{ role: 'operator', scopes }]), 'job.start', resources);

  it('reach folders by whole components, and no path in disguise', () => {
    const scopes = ['vm:db:/srv/data', 'host:/srv/share'];
    for (const good of ['/srv/data', '/srv/data/', '/srv/data/a/b'])
      assert.ok(starts(scopes, path('db', good)), good);
    for (const bad of [
      ...[
        '/srv/database',
        '/srv',
        '/',
        '',
        'srv/data',
        'data',
        '/srv/data/../secret',
        '/srv/./data/..',
        '/srv/data/.',
      ],
      ...['/srv//data', '/srv/data\0', '/SRV/data', '~/data', `/srv/data/${'x'.repeat(5_000)}`],
    ]) {
      assert.ok(!starts(scopes, path('db', bad)), JSON.stringify(bad));
    }
    assert.ok(!starts(scopes, path('db2', '/srv/data')));
    assert.ok(!starts(scopes, path(null, '/srv/data')), 'the host is no machine');
    assert.ok(starts(scopes, path(null, '/srv/share/x')));
  });

  it('need to reach everything that is touched, each by some grant', () => {
    const host = path(null, '/srv/share/x');
    const machine = path('db', '/srv/data');
    assert.ok(!starts(['vm:db'], machine, host));
    assert.ok(starts(['vm:db', 'host'], machine, host));
    const two = user([
      { role: 'operator', scopes: ['vm:db'] },
      { role: 'operator', scopes: ['host:/srv/share'] },
    ]);
    assert.ok(may(two, 'job.start', [machine, host]));
    const lookOnly = user([
      { role: 'operator', scopes: ['vm:db'] },
      { role: 'viewer', scopes: ['*'] },
    ]);
    assert.deepEqual(decide(lookOnly, 'job.start', [machine, host], NOW), {
      allowed: false,
      reason: 'scope',
    });
    assert.ok(may(lookOnly, 'job.read', [machine, host]));
  });

  it('that are limited to a folder reach the machine for looking only', () => {
    const limited = user([{ role: 'admin', scopes: ['vm:db:/srv/data'] }]);
    assert.ok(may(limited, 'vm.read', [{ kind: 'vm', vm: 'db' }]));
    assert.ok(!may(limited, 'vm.remove', [{ kind: 'vm', vm: 'db' }]));
  });

  it('take any path, also a relative one, where they are limited to no folder', () => {
    assert.ok(starts(['vm:db'], path('db', 'data')));
    assert.ok(!starts(['vm:db:/'], path('db', 'data')), 'relative to what is not said');
    assert.ok(starts(['vm:db:/'], path('db', '/data')));
  });

  it('name machines with wildcards', () => {
    const table: [string, string, boolean][] = [
      ['web-*', 'web-1', true],
      ['web-*', 'web-', true],
      ['web-*', 'web', false],
      ['*', 'anything', true],
      ['w?b', 'web', true],
      ['w?b', 'wb', false],
      ['*-prod', 'db-prod', true],
      ['*-prod', 'db-prod-2', false],
      ['a*b*c', 'aXbXbXc', true],
      ['a*b*c', 'aXcXb', false],
    ];
    for (const [glob, vm, expected] of table) {
      assert.equal(
        may(user([{ role: 'viewer', scopes: [`vm:${glob}`] }]), 'vm.read', [{ kind: 'vm', vm }]),
        expected,
        `${glob} ${vm}`,
      );
    }
    const evil = `vm:${'a*'.repeat(30)}b`;
    assert.ok(
      !may(user([{ role: 'viewer', scopes: [evil] }]), 'vm.read', [{ kind: 'vm', vm: 'a'.repeat(5_000) }]),
    );
  });

  it('are refused where they cannot be read', () => {
    for (const scope of [
      '',
      'vm:',
      'vm:a b',
      'all',
      'vm:db:srv',
      'vm:db:/srv/../x',
      'host:srv',
      '**',
      'vm:db:/a\0',
      'host:/a//b',
    ]) {
      assert.throws(
        () => checkGrants([{ role: 'viewer', scopes: [scope] }]),
        (error) => error instanceof CausewayError && error.code === 'CW_USAGE',
        scope,
      );
    }
    checkGrants([{ role: 'viewer', scopes: ['*', 'vm:a', 'vm:a:/', 'host', 'host:/x y/\u00e9'] }]);
  });
});

describe('conditions', () => {
  const holds = (when: Conditions, now: Partial<typeof NOW> = {}, more: Partial<Principal> = {}): boolean =>
    may(user([{ ...fullGrant('viewer'), when }], more), 'vm.list', [], { ...NOW, ...now });

  it('are a time box, its end excluded', () => {
    const when = { fromMs: 1_000, untilMs: 2_000 };
    assert.deepEqual(
      [999, 1_000, 1_999, 2_000].map((nowMs) => holds(when, { nowMs })),
      [false, true, true, false],
    );
  });

  it('are hours of the day, also over midnight', () => {
    const at = (hour: number): { nowMs: number } => ({ nowMs: Date.UTC(2030, 5, 15, hour, 30) });
    const day = { hoursUtc: { fromMinute: 8 * 60, toMinute: 18 * 60 } };
    const night = { hoursUtc: { fromMinute: 22 * 60, toMinute: 6 * 60 } };
    assert.deepEqual(
      [7, 8, 17, 18].map((hour) => holds(day, at(hour))),
      [false, true, true, false],
    );
    assert.deepEqual(
      [21, 22, 3, 6].map((hour) => holds(night, at(hour))),
      [false, true, true, false],
    );
  });

  it('are networks and a second factor', () => {
    const when = { addresses: ['10.0.0.0/8'] };
    assert.ok(holds(when));
    assert.ok(!holds(when, { address: '192.0.2.1' }));
    assert.ok(!holds(when, { address: null }));
    assert.ok(!holds({ secondFactor: true }));
    assert.ok(holds({ secondFactor: true }, {}, { secondFactor: true }));
  });

  it('must all be met, and are named as the reason', () => {
    assert.ok(!holds({ addresses: ['10.0.0.0/8'], untilMs: 1 }));
    const grants = [{ ...fullGrant('viewer'), when: { untilMs: 1 } }];
    assert.deepEqual(decide(user(grants), 'vm.list', [], NOW), { allowed: false, reason: 'condition' });
    assert.deepEqual(decide(user(grants), 'account.read', [{ kind: 'account', userId: 'u1' }], NOW), {
      allowed: false,
      reason: 'condition',
    });
  });

  it('of one grant do not hold up another', () => {
    const grants = [{ ...fullGrant('admin'), when: { untilMs: 1 } }, fullGrant('viewer')];
    assert.ok(may(user(grants), 'vm.list', []));
    assert.ok(!may(user(grants), 'daemon.stop', []));
  });
});

describe('tokens', () => {
  const token = (bound: Grant[], grants: Grant[] = [fullGrant('admin')]): Principal =>
    user(grants, { kind: 'token', bound });

  it('may what both they and their user may', () => {
    const vm: Resource[] = [{ kind: 'vm', vm: 'web-1' }];
    assert.ok(may(token([fullGrant('viewer')]), 'vm.read', vm));
    assert.ok(!may(token([fullGrant('viewer')]), 'vm.remove', vm));
    assert.ok(!may(token([fullGrant('admin')], [fullGrant('viewer')]), 'vm.remove', vm));
    assert.ok(!may(token([{ role: 'viewer', scopes: ['vm:db'] }]), 'vm.read', vm));
    assert.ok(!may(token([]), 'vm.list', []));
  });

  it('look at the account of their user and change nothing of it', () => {
    const own: Resource[] = [{ kind: 'account', userId: 'u1' }];
    assert.ok(may(token([fullGrant('admin')]), 'account.read', own));
    assert.ok(!may(token([fullGrant('admin')]), 'account.change', own));
  });
});

describe('decisions', () => {
  it('of the local owner are all yes, but for accounts that it does not have', () => {
    for (const action of ALL_ACTIONS) {
      const expected = ACTIONS[action].reach !== 'own';
      assert.equal(may(LOCAL_OWNER, action, resourcesOf(action, 'outside')), expected, action);
    }
    assert.ok(!may(LOCAL_OWNER, 'account.read', [{ kind: 'account', userId: '' }]));
  });

  it('are thrown with the reason', () => {
    const vm: Resource[] = [{ kind: 'vm', vm: 'db' }];
    assert.throws(
      () => demand(user([fullGrant('viewer')]), 'vm.remove', vm, NOW),
      /ann may not do vm\.remove: the role/,
    );
    demand(user([fullGrant('viewer')]), 'vm.read', vm, NOW);
  });

  it(`grow with every grant and every role (SEED=${SEED})`, () => {
    const dice = Dice.fromSeed(SEED);
    const someGrant = (role: Role = dice.pick<Role>(['viewer', 'operator', 'admin'])): Grant => ({
      role,
      scopes: [dice.pick(['*', 'vm:web-*', 'vm:db-1', 'vm:*:/srv', 'host', 'host:/srv/data'])],
      ...(dice.chance(0.3) ? { when: { secondFactor: true as const } } : {}),
    });
    for (let run = 0; run < 3_000; run += 1) {
      const grants = Array.from({ length: dice.between(0, 3) }, () => someGrant());
      const action = dice.pick(ALL_ACTIONS as [Action, ...Action[]]);
      const resources = resourcesOf(action, dice.pick(['inside', 'outside']));
      const more = { secondFactor: dice.chance(0.5) };
      if (!may(user(grants, more), action, resources)) continue;
      assert.ok(may(user([...grants, someGrant()], more), action, resources), 'one more grant');
      const raised = grants.map((grant) => ({ ...grant, role: 'admin' as const }));
      assert.ok(may(user(raised, more), action, resources), 'a higher role');
      assert.ok(may(user(grants, { secondFactor: true }), action, resources), 'a second factor');
      assert.ok(resources.length === 0 || !may(user(grants, more), action, []), 'nothing named');
    }
  });
});
