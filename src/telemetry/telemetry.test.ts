import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { expose, formatFor } from './exposition.ts';
import { FAMILIES } from './families.ts';
import type { FamilySpec } from './family.ts';
import { Readings } from './readings.ts';
import { Tallies } from './tallies.ts';

const told = (tallies: Tallies) => {
  const readings = new Readings();
  tallies.writeTo(readings);
  return readings.families();
};

describe('the registry of metrics', () => {
  it('follows the conventions of Prometheus', () => {
    for (const [name, { kind, unit, help, labels, buckets }] of Object.entries(FAMILIES) as [
      string,
      FamilySpec,
    ][]) {
      assert.match(name, /^(?:causeway|process)(?:_[a-z0-9]+)+$/, name);
      assert.doesNotMatch(name, /_(?:total|count|sum|bucket|ms|kib|mib|kb|percent)$/, name);
      assert.match(help, /^[A-Z0-9].*\.$/, `${name}: a sentence`);
      if (unit !== null) assert.ok(name.endsWith(`_${unit}`), `${name} does not end with ${unit}`);
      for (const label of labels) assert.match(label, /^[a-z][a-z_]*$/, name);
      assert.equal(new Set(labels).size, labels.length);
      assert.equal(buckets !== undefined, kind === 'histogram', name);
      assert.deepEqual(buckets, buckets && [...buckets].sort((a, b) => a - b));
    }
  });

  it('has what there is to know', () => {
    assert.ok(Object.keys(FAMILIES).length >= 40, `${Object.keys(FAMILIES).length} families`);
  });
});

describe('tallies', () => {
  it('add up by series, and never go down', () => {
    const tallies = new Tallies();
    tallies.add('causeway_job_sent_bytes', { vm: 'a', direction: 'in' }, 5);
    tallies.add('causeway_job_sent_bytes', { vm: 'a', direction: 'in' }, 7);
    tallies.add('causeway_job_sent_bytes', { vm: 'b', direction: 'in' }, -3);
    const samples = told(tallies).find(({ name }) => name === 'causeway_job_sent_bytes')?.samples;
    assert.deepEqual(samples, [
      { suffix: '_total', labels: { vm: 'a', direction: 'in' }, value: 12 },
      { suffix: '_total', labels: { vm: 'b', direction: 'in' }, value: 0 },
    ]);
  });

  it('keep no more series of a family than the limit, and say how many were left out', () => {
    const tallies = new Tallies();
    const max = LIMITS.metricSeriesMax.value;
    for (let at = 0; at < max + 3; at += 1) tallies.add('causeway_access_refusals', { code: `C${at}` });
    const families = told(tallies);
    const of = (name: string) => families.find((family) => family.name === name)?.samples ?? [];
    assert.equal(of('causeway_access_refusals').length, max);
    assert.equal(of('causeway_metrics_dropped_series')[0]?.value, 3);
  });

  it('forget the series of what is gone, and no others', () => {
    const tallies = new Tallies();
    for (const vm of ['a', 'b']) tallies.add('causeway_job_attempts', { vm, direction: 'in' });
    tallies.add('causeway_access_refusals', { code: 'CW_USAGE' });
    tallies.keep('vm', new Set(['b']));
    const samples = told(tallies).flatMap((family) => family.samples.map(({ labels }) => labels));
    assert.deepEqual(samples, [{ code: 'CW_USAGE' }, { vm: 'b', direction: 'in' }, {}]);
  });

  it('count values into buckets that hold all smaller ones', () => {
    const tallies = new Tallies();
    for (const value of [0.0005, 0.001, 0.2, 99]) tallies.observe('causeway_audit_write_seconds', {}, value);
    const [family] = told(tallies).filter(({ name }) => name === 'causeway_audit_write_seconds');
    const at = (le: string) => family?.samples.find(({ labels }) => labels['le'] === le)?.value;
    assert.deepEqual([at('0.001'), at('0.1'), at('0.25'), at('5'), at('+Inf')], [2, 2, 3, 3, 4]);
    assert.equal(family?.samples.find(({ suffix }) => suffix === '_count')?.value, 4);
    assert.ok(
      Math.abs((family?.samples.find(({ suffix }) => suffix === '_sum')?.value ?? 0) - 99.2015) < 1e-9,
    );
  });
});

describe('the exposition', () => {
  const families = () => {
    const readings = new Readings();
    readings.set('process_cpu_seconds', {}, 1.5);
    readings.set('causeway_share_locks', { share: 'a "b"\\c' }, 2);
    readings.set('causeway_stuck_threads', {}, Number.NaN);
    return readings.families();
  };

  it('names counters as each format does, and escapes what it must', () => {
    assert.equal(
      expose(families(), 'text'),
      [
        '# HELP causeway_share_locks WebDAV locks of a share.',
        '# TYPE causeway_share_locks gauge',
        'causeway_share_locks{share="a \\"b\\"\\\\c"} 2',
        '# HELP process_cpu_seconds_total Processor time of the daemon.',
        '# TYPE process_cpu_seconds_total counter',
        'process_cpu_seconds_total 1.5',
        '',
      ].join('\n'),
    );
    const open = expose(families(), 'openmetrics').split('\n');
    assert.ok(open.includes('# TYPE process_cpu_seconds counter'));
    assert.ok(open.includes('# UNIT process_cpu_seconds seconds'));
    assert.deepEqual(open.slice(-2), ['# EOF', '']);
  });

  it('is what the scraper asks for', () => {
    assert.equal(
      formatFor('application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5'),
      'openmetrics',
    );
    assert.equal(formatFor('text/plain;version=0.0.4'), 'text');
    assert.equal(formatFor(undefined), 'text');
  });
});
