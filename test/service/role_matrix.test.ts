import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ProcedureName } from '../../src/contract/routes.ts';
import { ROUTES } from '../../src/contract/routes.ts';
import { DaemonRig, PASSWORD } from './rig.ts';
import type { WebAnswer, WebClient } from './web_client.ts';

const ROLES = ['viewer', 'operator', 'admin'] as const;
type Role = (typeof ROLES)[number];

/** Written down apart from the code: the lowest role, and what its grant must reach. */
type Rule = readonly [Role | 'anybody' | 'signed-in', ('any' | 'all' | 'vm' | 'job' | 'own')?];

const MATRIX: Readonly<Record<ProcedureName, Rule>> = {
  status: ['viewer', 'any'],
  stop: ['admin', 'all'],
  listVms: ['viewer', 'any'],
  addVm: ['admin', 'vm'],
  showVm: ['viewer', 'vm'],
  setVm: ['admin', 'vm'],
  removeVm: ['admin', 'vm'],
  pairVm: ['admin', 'vm'],
  updateVm: ['admin', 'vm'],
  rotateVm: ['admin', 'vm'],
  rotateKey: ['admin', 'all'],
  discoverVms: ['admin', 'all'],
  listJobs: ['viewer', 'any'],
  startJob: ['operator', 'job'],
  startGroup: ['operator', 'job'],
  showGroup: ['viewer', 'job'],
  showJob: ['viewer', 'job'],
  cancelJob: ['operator', 'job'],
  pauseJob: ['operator', 'job'],
  resumeJob: ['operator', 'job'],
  undoJob: ['operator', 'job'],
  interruptJob: ['operator', 'job'],
  listFiles: ['operator', 'job'],
  listVmFiles: ['operator', 'job'],
  createUpload: ['operator', 'job'],
  showUpload: ['operator', 'job'],
  addUploadFolders: ['operator', 'job'],
  removeUpload: ['operator', 'job'],
  listMounts: ['admin', 'all'],
  addMount: ['admin', 'all'],
  removeMount: ['admin', 'all'],
  waitCache: ['admin', 'all'],
  setCache: ['admin', 'all'],
  listShares: ['admin', 'all'],
  createShare: ['admin', 'all'],
  showShare: ['admin', 'all'],
  setShare: ['admin', 'all'],
  removeShare: ['admin', 'all'],
  listBatches: ['admin', 'all'],
  rollBack: ['admin', 'all'],
  me: ['signed-in'],
  logIn: ['anybody'],
  logOut: ['signed-in'],
  lookLink: ['anybody'],
  redeemLink: ['anybody'],
  changePassword: ['viewer', 'own'],
  listSessions: ['viewer', 'own'],
  endSession: ['viewer', 'own'],
  beginTotp: ['viewer', 'own'],
  confirmTotp: ['viewer', 'own'],
  clearTotp: ['viewer', 'own'],
  renewRecovery: ['viewer', 'own'],
  listOwnTokens: ['viewer', 'own'],
  createToken: ['viewer', 'own'],
  revokeOwnToken: ['viewer', 'own'],
  listUsers: ['admin', 'all'],
  addUser: ['admin', 'all'],
  showUser: ['admin', 'all'],
  setUser: ['admin', 'all'],
  removeUser: ['admin', 'all'],
  linkUser: ['admin', 'all'],
  setUserPassword: ['admin', 'all'],
  endUserSessions: ['admin', 'all'],
  beginUserTotp: ['admin', 'all'],
  confirmUserTotp: ['admin', 'all'],
  clearUserTotp: ['admin', 'all'],
  createUserToken: ['admin', 'all'],
  listTokens: ['admin', 'all'],
  revokeToken: ['admin', 'all'],
  showAllow: ['operator', 'all'],
  setAllow: ['admin', 'all'],
  showMetrics: ['viewer', 'all'],
  showConfig: ['operator', 'all'],
  setConfig: ['admin', 'all'],
  reloadConfig: ['admin', 'all'],
  listNotifiers: ['admin', 'all'],
  addNotifier: ['admin', 'all'],
  removeNotifier: ['admin', 'all'],
  testNotifier: ['admin', 'all'],
  searchAudit: ['admin', 'all'],
  verifyAudit: ['admin', 'all'],
};

type Place = 'inside' | 'outside';
const VM: Readonly<Record<Place, string>> = { inside: 'web-1', outside: 'db-1' };
const SCOPES = ['vm:web-*', 'host:/srv/in'];

/** Bodies that the contract takes; what they name does not exist where it would do harm. */
function bodyOf(name: ProcedureName, place: Place): object | undefined {
  const folder = place === 'inside' ? '/srv/in' : '/srv/out';
  const copy = { direction: 'in', sources: [`${folder}/x`], destination: '/data' };
  const bodies: Partial<Record<ProcedureName, object>> = {
    addVm: { name: VM[place], endpoint: { kind: 'listen' } },
    setVm: { weight: 2 },
    pairVm: { addresses: [] },
    updateVm: { dryRun: true },
    startJob: { ...copy, vm: VM[place] },
    startGroup: { ...copy, vms: [VM[place]] },
    undoJob: {},
    listFiles: { path: folder },
    listVmFiles: { path: '/data' },
    createUpload: { vms: [VM[place]], destination: '/data', files: 1, bytes: 1 },
    addUploadFolders: { paths: ['x'] },
    addMount: { vm: VM[place], folder: '/srv', mountpoint: '/no/such/place' },
    removeMount: { mountpoint: '/no/such/place' },
    waitCache: { mountpoint: '/no/such/place', clean: true, waitMs: 0 },
    setCache: { mountpoint: '/no/such/place', policy: 'split' },
    createShare: { source: `${folder}/share` },
    setShare: { readOnly: true },
    rollBack: { batch: 1 },
    changePassword: { old: 'not the password', new: `${PASSWORD} 2` },
    beginTotp: {},
    confirmTotp: { code: '000000' },
    clearTotp: { code: '000000' },
    renewRecovery: { code: '000000' },
    createToken: { label: 'x' },
    addUser: { name: 'viewer-full', grants: [] },
    setUser: { disabled: true },
    setUserPassword: { password: PASSWORD },
    confirmUserTotp: { code: '000000' },
    createUserToken: { label: 'x' },
    setAllow: { networks: [] },
    setConfig: { name: 'sessions.idleMinutes', value: '30' },
    addNotifier: { name: 'x', url: 'http://192.0.2.1/' },
    searchAudit: { limit: '1' },
    logIn: { name: 'nobody', password: 'x' },
    lookLink: { link: 'x' },
    redeemLink: { link: 'x', password: 'x' },
  };
  return bodies[name];
}

describe('the role matrix', () => {
  let rig: DaemonRig;
  const clients = new Map<string, WebClient>();
  const jobs = { inside: '', outside: '' };
  const groups = { inside: '', outside: '' };

  before(async () => {
    rig = await DaemonRig.start();
    await rig.ann();
    for (const role of ROLES)
      for (const [kind, scopes] of Object.entries({ full: ['*'], limited: SCOPES })) {
        await rig.addUser(`${role}-${kind}`, [{ role, scopes }]);
        const client = rig.client();
        await client.logIn(`${role}-${kind}`, PASSWORD);
        clients.set(`${role}-${kind}`, client);
      }
    for (const place of ['inside', 'outside'] as const) {
      await rig.socket.call('addVm', {}, { name: VM[place], endpoint: { kind: 'listen' } });
      const request = bodyOf('startGroup', place) as { sources: string[] };
      const group = await rig.socket.call('startGroup', {}, { ...request, destination: '/group' } as never);
      groups[place] = group.id;
      jobs[place] = group.jobs[0]?.id ?? '';
    }
  });
  after(() => rig[Symbol.asyncDispose]());

  it('has an expectation for every procedure of the contract', () => {
    assert.deepEqual(Object.keys(MATRIX).sort(), Object.keys(ROUTES).sort());
  });

  async function idFor(client: WebClient, name: ProcedureName, place: Place): Promise<string> {
    const { path } = ROUTES[name];
    if (name === 'showGroup') return groups[place];
    if (path.includes('/jobs/')) return jobs[place];
    // an upload is its maker's: who may make none has none
    if (!path.includes('/uploads/')) return '0123456789abcdef';
    const { json } = await client.tryCall('createUpload', {}, bodyOf('createUpload', place));
    return (json as { id?: string } | null)?.id ?? 'u0123456789abcdef';
  }

  async function ask(client: WebClient, name: ProcedureName, place: Place): Promise<WebAnswer> {
    const { path } = ROUTES[name];
    const id = await idFor(client, name, place);
    const vm = name === 'removeVm' ? (place === 'inside' ? 'web-9' : 'db-9') : VM[place];
    const params = { id, name: path.includes('/vms/') ? vm : 'no-such-user' };
    return client.tryCall(name, params, bodyOf(name, place));
  }

  function isRefused({ status, json }: WebAnswer): boolean {
    const code = (json as { code?: string } | null)?.code;
    assert.ok(status < 500, JSON.stringify(json));
    const refusals = ['CW_ACCESS_DENIED', 'CW_JOB_UNKNOWN', 'CW_UPLOAD_UNKNOWN', 'CW_AUTH_REQUIRED'];
    return refusals.includes(code ?? '');
  }

  for (const [name, [lowest, reach]] of Object.entries(MATRIX) as [ProcedureName, Rule][]) {
    if (name === 'logOut') continue;
    it(`${name}: ${lowest}${reach ? `, ${reach}` : ''}`, async () => {
      const nobody = await ask(rig.client(), name, 'inside');
      assert.equal(
        (nobody.json as { code?: string } | null)?.code === 'CW_AUTH_REQUIRED',
        lowest !== 'anybody',
      );
      if (lowest === 'anybody') return;
      for (const role of ROLES) {
        const hasRole: boolean = lowest === 'signed-in' || ROLES.indexOf(role) >= ROLES.indexOf(lowest);
        const isFree: boolean = lowest === 'signed-in' || reach === 'any' || reach === 'own';
        for (const [kind, place] of [
          ['full', 'inside'],
          ['full', 'outside'],
          ['limited', 'inside'],
          ['limited', 'outside'],
        ] as const) {
          const reaches: boolean = kind === 'full' || isFree || (reach !== 'all' && place === 'inside');
          const answer = await ask(clients.get(`${role}-${kind}`) as WebClient, name, place);
          const what = `${role}, ${kind}, ${place}: ${answer.status} ${answer.text.slice(0, 200)}`;
          assert.equal(isRefused(answer), !(hasRole && reaches), what);
        }
      }
    });
  }

  it('shows in lists only what is in scope', async () => {
    const client = clients.get('viewer-limited') as WebClient;
    const vms = await client.call('listVms', {});
    assert.deepEqual(
      vms.map((vm) => vm.name),
      ['web-1'],
    );
    const { jobs: listed } = await client.call('listJobs', {}, {});
    assert.ok(listed.length > 0 && listed.every((job) => job.vm === 'web-1'));
    const status = await client.call('status', {});
    assert.deepEqual([status.vms.length, status.dataDirectory], [1, '']);
    assert.ok(status.activeJobs.every((job) => job.vm === 'web-1'));
  });

  it('gives a machine behind a command or a socket of the host to an administrator of everything only', async () => {
    const limited = clients.get('admin-limited') as WebClient;
    for (const endpoint of [
      { kind: 'exec', argv: ['false'] },
      { kind: 'unix', path: '/tmp/x' },
      { kind: 'serial', path: '/tmp/x' },
    ]) {
      const answer = await limited.tryCall('addVm', {}, { name: 'web-5', endpoint });
      assert.equal((answer.json as { code: string }).code, 'CW_ACCESS_DENIED', endpoint.kind);
    }
  });

  it('decides on every machine and path that a copy touches', async () => {
    const operator = clients.get('operator-limited') as WebClient;
    const copy = { direction: 'in', sources: ['/srv/in/a'], destination: '/x', vm: 'web-1' };
    const refused = [
      { ...copy, sources: ['/srv/in/a', '/etc/shadow'] },
      { ...copy, sources: ['/srv/in/../../etc/shadow'] },
      { ...copy, sources: ['in/a'] },
      { ...copy, vm: 'db-1' },
      { ...copy, direction: 'out', sources: ['/etc'], destination: '/srv/elsewhere' },
      { ...copy, direction: 'between', fromVm: 'db-1' },
    ];
    for (const body of refused) {
      const { json } = await operator.tryCall('startJob', {}, body);
      assert.equal((json as { code: string }).code, 'CW_ACCESS_DENIED', JSON.stringify(body));
    }
    const { vm: _, ...many } = copy;
    const { json } = await operator.tryCall('startGroup', {}, { ...many, vms: ['web-1', 'db-1'] });
    assert.equal((json as { code: string }).code, 'CW_ACCESS_DENIED');
    assert.equal((await operator.tryCall('startJob', {}, copy)).status, 200);
  });

  it('lets a role that was taken away do nothing more, and streams end', async () => {
    await rig.addUser('gone', [{ role: 'viewer', scopes: ['*'] }]);
    const client = rig.client();
    await client.logIn('gone', PASSWORD);
    const copy = { direction: 'in', vm: 'db-1', sources: ['/srv/watched'], destination: '/x' } as const;
    const { id } = await rig.socket.call('startJob', {}, { ...copy, sources: [...copy.sources] });
    const watched = client.send(`/api/v1/jobs/${id}/watch`);
    await client.call('showJob', { id });
    await rig.socket.call('setUser', { name: 'gone' }, { grants: [] });
    assert.equal((await client.tryCall('listVms', {})).status, 403);
    await watched; // ends though the job goes on
    assert.equal((await rig.socket.call('showJob', { id })).state, 'waiting');
  });

  it('logOut: signed-in', async () => {
    assert.equal((await rig.client().tryCall('logOut', {})).status, 401);
    for (const client of clients.values()) {
      assert.equal((await client.tryCall('logOut', {})).status, 200);
      assert.equal((await client.tryCall('me', {})).status, 401);
    }
  });
});
