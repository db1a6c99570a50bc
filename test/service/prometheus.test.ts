import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { ROWS } from '../../scripts/grafana_dashboard.ts';
import { FAMILIES } from '../../src/telemetry/families.ts';
import type { FamilySpec } from '../../src/telemetry/family.ts';
import { Rig, ROOT, until } from '../interop/rig.ts';
import { PrometheusServer, type Series } from './prometheus_server.ts';
import { WebClient } from './web_client.ts';

const RULES = join(ROOT, 'deploy/prometheus/causeway.rules.yml');
const RULES_TEST = join(ROOT, 'deploy/prometheus/causeway.rules.test.yml');
const FILE_BYTES = 12 << 20;
/** So that the copy takes some scrapes. */
const LIMIT = 6 << 20;

const isThere = spawnSync('prometheus', ['--version']).error === undefined;
const skip = isThere ? false : 'prometheus is not installed';

/** A query of the dashboard as Grafana asks it: for everything, over a short time. */
const asked = (query: string): string =>
  query
    .replaceAll('$__rate_interval', '15s')
    .replaceAll(/\$(?:instance|vm)\b/g, '.*')
    .replaceAll('[1h]', '[30s]');

/** As `openssl s_client` shows it to who sets up a scraper. */
function certificateOf({ hostname, port }: URL): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      const { raw } = socket.getPeerCertificate();
      socket.destroy();
      resolve(new X509Certificate(raw).toString());
    });
    socket.once('error', reject);
  });
}

describe('the alert rules', { skip }, () => {
  it('are clean, and each fires and is quiet when it must', () => {
    for (const args of [
      ['check', 'rules', RULES],
      ['test', 'rules', RULES_TEST],
    ]) {
      const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
      assert.equal(status, 0, `${stdout}${stderr}`);
    }
    const alerts = [...readFileSync(RULES, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
    const tests = readFileSync(RULES_TEST, 'utf8');
    assert.ok(alerts.length >= 10);
    for (const name of alerts)
      for (const kind of ['fires', 'is quiet']) assert.ok(tests.includes(`- name: ${name} ${kind}\n`), name);
  });
});

describe('the dashboard', () => {
  it('asks for metrics that there are, in a form that Grafana takes', () => {
    const known = new Set(
      (Object.entries(FAMILIES) as [string, FamilySpec][]).flatMap(([name, { kind }]) => {
        if (kind === 'counter') return [`${name}_total`];
        return kind === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name];
      }),
    );
    const dashboard = JSON.parse(readFileSync(join(ROOT, 'deploy/grafana/causeway.json'), 'utf8')) as {
      uid: string;
      schemaVersion: number;
      templating: { list: { name: string; type: string }[] };
      panels: {
        id: number;
        type: string;
        title: string;
        gridPos: Record<'x' | 'y' | 'w' | 'h', number>;
        targets?: { expr: string; refId: string; datasource: { type: string } }[];
      }[];
    };
    const names = new Set(dashboard.templating.list.map(({ name }) => name));
    const shown = dashboard.panels.filter(({ type }) => type !== 'row');
    assert.ok(shown.length >= 20, `${shown.length} panels`);
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
    const cells = new Set<string>();
    for (const { title, type, gridPos, targets = [] } of dashboard.panels) {
      const { x, y, w, h } = gridPos;
      assert.ok(x >= 0 && x + w <= 24, title);
      for (let row = y; row < y + h; row += 1)
        for (let column = x; column < x + w; column += 1) {
          assert.ok(!cells.has(`${row} ${column}`), `${title} lies over another panel`);
          cells.add(`${row} ${column}`);
        }
      if (type === 'row') continue;
      assert.ok(['stat', 'timeseries', 'table'].includes(type) && title !== '' && targets.length > 0);
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length);
      for (const { expr, datasource } of targets) {
        assert.equal(datasource.type, 'prometheus');
        for (const [name] of expr.matchAll(/\b(?:causeway|process)_[a-z0-9_]+/g))
          assert.ok(known.has(name), `${title}: ${name}`);
        for (const [, variable = ''] of expr.matchAll(/\$([a-z]\w*)/g))
          assert.ok(names.has(variable), variable);
      }
    }
  });
});

describe('a real Prometheus', { skip }, () => {
  let rig: Rig;
  let prometheus: PrometheusServer;

  before(async () => {
    rig = await Rig.start({ up: ['--web', '127.0.0.1:0', '--limit', String(LIMIT)] });
    const { web } = await rig.client.call('status', {});
    const page = new URL(web?.url ?? '');
    const browser = new WebClient(page);
    const link = web?.welcomeUrl?.split('/').at(-1) ?? '';
    await browser.call('redeemLink', {}, { link, name: 'ann', password: 'correct horse battery' });
    await browser.logIn('ann', 'correct horse battery');
    await rig.client.call('addUser', {}, { name: 'prom', grants: [{ role: 'viewer', scopes: ['*'] }] });
    const { text: token } = await rig.client.call('createUserToken', { name: 'prom' }, { label: 'scrape' });
    const stranger = new WebClient(page);
    stranger.token = token;
    assert.equal((await stranger.tryCall('listUsers', {})).status, 403);
    const shared = join(rig.folder, 'shared');
    mkdirSync(shared);
    const share = await rig.client.call('createShare', {}, { source: shared, quotaBytes: 1 << 30 });
    const basic = Buffer.from(`${share.share.user}:${share.password}`).toString('base64');
    const dav = (method: string, body?: string) =>
      fetch(`${share.share.url}a.txt`, {
        method,
        headers: { authorization: `Basic ${basic}` },
        ...(body !== undefined && { body }),
      });
    const [folder, mountpoint] = [join(rig.guestFiles, 'cached'), join(rig.hostFiles, 'cached')];
    for (const at of [folder, mountpoint]) mkdirSync(at);
    writeFileSync(join(folder, 'file'), 'cached');
    const { ctimeMs } = statSync(join(folder, 'file'));
    await rig.waitUp();
    await rig.client.call(
      'addMount',
      {},
      { vm: 'vm', folder, mountpoint, cacheBytes: 16 << 20, asRoot: true },
    );
    await until('what was written may be kept', 20_000, async () =>
      Date.now() - ctimeMs > 2_200 ? true : null,
    );
    assert.equal(await readFile(join(mountpoint, 'file'), 'utf8'), 'cached');
    await rig.client.call('addNotifier', {}, { name: 'note', command: ['/bin/true'] });
    const target = { hostPort: page.host, token, certificatePem: await certificateOf(page) };
    prometheus = await PrometheusServer.start(join(rig.folder, 'prometheus'), target, RULES);
    await scraped();
    writeFileSync(join(rig.hostFiles, 'big'), randomBytes(FILE_BYTES));
    const job = await rig.startJob('in', join(rig.hostFiles, 'big'), `${rig.guestFiles}/big`);
    await scraped();
    assert.equal((await dav('PUT', 'content')).status, 201);
    await (await dav('GET')).text();
    await scraped();
    assert.equal((await rig.waitJob(job.id)).state, 'done');
    await scraped();
    await scraped();
  });

  after(async () => {
    const mountpoint = join(rig.hostFiles, 'cached');
    await rig.client.call('removeMount', {}, { mountpoint }).catch(() => undefined); // the test may have failed before
    await prometheus?.[Symbol.asyncDispose]();
    await rig?.[Symbol.asyncDispose]();
  });

  /** Waits for one more scrape that worked. */
  async function scraped(): Promise<void> {
    const last = async () => {
      const targets = await prometheus.get<{
        activeTargets: readonly { health: string; lastScrape: string; lastError: string }[];
      }>('targets');
      return targets.activeTargets[0];
    };
    const before = (await last())?.lastScrape;
    let seen = '';
    await until('Prometheus scraped the daemon', 20_000, async () => {
      const target = await last();
      seen = target?.lastError ?? '';
      return target?.health === 'up' && target.lastScrape !== before ? true : null;
    }).catch((failure) => assert.fail(`${failure}: ${seen}`));
  }

  const newest = (series: readonly Series[]): number => Number(series[0]?.value[1]);

  it('holds at least 40 families of the daemon, while a copy ran', async () => {
    const names = await prometheus.get<readonly string[]>('label/__name__/values');
    const own = (Object.entries(FAMILIES) as [string, FamilySpec][]).filter(([name, { kind }]) =>
      names.includes(kind === 'counter' ? `${name}_total` : kind === 'histogram' ? `${name}_count` : name),
    );
    assert.ok(own.length >= 40, `${own.length} families`);
    assert.equal(newest(await prometheus.query('causeway_job_sent_bytes_total')), FILE_BYTES);
    assert.equal(newest(await prometheus.query('causeway_job_durable_bytes_total')), FILE_BYTES);
    assert.equal(newest(await prometheus.query('causeway_jobs_ended_total{outcome="done"}')), 1);
    assert.ok(newest(await prometheus.query('max_over_time(causeway_lanes[1m])')) >= 1);
    assert.ok(newest(await prometheus.query('max_over_time(causeway_jobs{state="running"}[1m])')) >= 1);
    assert.equal(
      newest(await prometheus.query('sum(causeway_share_requests_total{method="PUT",status="201"})')),
      1,
    );
    assert.equal(newest(await prometheus.query('causeway_share_received_bytes_total')), 'content'.length);
    assert.equal(newest(await prometheus.query('causeway_cache_asked_bytes_total')), 'cached'.length);
    assert.equal(newest(await prometheus.query('sum(causeway_cache_read_seconds_count)')), 1);
  });

  it('takes every query of the dashboard, and has series for it', async () => {
    const empty: string[] = [];
    for (const { title, queries } of ROWS.flatMap(({ panels }) => panels))
      for (const [, query] of queries)
        if ((await prometheus.query(asked(query))).length === 0) empty.push(`${title}: ${query}`);
    assert.deepEqual(empty, []);
  });

  it('takes every alert, none of which fires on a daemon that is well', async () => {
    const { groups } = await prometheus.get<{
      groups: readonly {
        rules: readonly { name: string; query: string; health: string; lastError?: string }[];
      }[];
    }>('rules');
    const rules = groups.flatMap((group) => group.rules);
    assert.ok(rules.length >= 10);
    for (const { name, query, health, lastError } of rules) {
      assert.equal(health, 'ok', `${name}: ${lastError}`);
      const metrics = new Set(query.match(/\b(?:causeway|process)_[a-z0-9_]+|\bup\b/g));
      for (const metric of metrics)
        if (metric !== 'causeway_jobs_stalled')
          assert.ok((await prometheus.query(metric)).length > 0, `${name}: no series of ${metric}`);
    }
    const firing = await prometheus.query('ALERTS{alertstate="firing"}');
    assert.deepEqual(
      firing.map(({ metric }) => metric['alertname']).filter((name) => !name?.startsWith('CausewayDisk')),
      [],
    );
  });

  it('sees that the machine is away', async () => {
    await rig.agent.kill();
    await until('the link is down in Prometheus', 20_000, async () =>
      newest(await prometheus.query('causeway_link_up')) === 0 ? true : null,
    );
  });
});
