// deploy/grafana/causeway.json: the dashboard for Grafana 10 and later, from the table below.

/** Units of Grafana. */
type Unit = 'short' | 'bytes' | 'Bps' | 's' | 'percentunit' | 'reqps' | 'dateTimeFromNow';

export interface PanelSpec {
  readonly title: string;
  readonly unit: Unit;
  /** Legend by query. */
  readonly queries: readonly (readonly [legend: string, query: string])[];
  readonly kind?: 'stat' | 'timeseries' | 'table';
}

export interface RowSpec {
  readonly title: string;
  readonly panels: readonly PanelSpec[];
}

const I = 'instance=~"$instance"';
const V = `${I},vm=~"$vm"`;
const rate = (metric: string, labels: string, by: string): string =>
  `sum by (${by}) (rate(${metric}{${labels}}[$__rate_interval]))`;
const p99 = (metric: string, by: string): string =>
  `histogram_quantile(0.99, sum by (${by === '' ? 'le' : `${by}, le`}) (rate(${metric}_bucket{${I}}[$__rate_interval])))`;

export const ROWS: readonly RowSpec[] = [
  {
    title: 'Overview',
    panels: [
      { title: 'Daemon', unit: 'short', kind: 'stat', queries: [['up', `up{job="causeway",${I}}`]] },
      {
        title: 'Machines connected',
        unit: 'short',
        kind: 'stat',
        queries: [['connected', `sum(causeway_link_up{${I}})`]],
      },
      {
        title: 'Running copies',
        unit: 'short',
        kind: 'stat',
        queries: [['running', `sum(causeway_jobs{${I},state="running"})`]],
      },
      {
        title: 'Copies that stand still',
        unit: 'short',
        kind: 'stat',
        queries: [['stalled', `sum(causeway_jobs_stalled{${I}}) or vector(0)`]],
      },
      {
        title: 'Audit log is whole',
        unit: 'short',
        kind: 'stat',
        queries: [['whole', `min(causeway_audit_sound{${I}})`]],
      },
      {
        title: 'Up for',
        unit: 's',
        kind: 'stat',
        queries: [['{{instance}}', `causeway_uptime_seconds{${I}}`]],
      },
    ],
  },
  {
    title: 'Copies',
    panels: [
      {
        title: 'Bytes of files in a second',
        unit: 'Bps',
        queries: [
          ['sent {{vm}}', rate('causeway_job_sent_bytes_total', V, 'vm')],
          ['received {{vm}}', rate('causeway_job_received_bytes_total', V, 'vm')],
          ['durable {{vm}}', rate('causeway_job_durable_bytes_total', V, 'vm')],
        ],
      },
      {
        title: 'Copies by state',
        unit: 'short',
        queries: [['{{state}}', `sum by (state) (causeway_jobs{${I}})`]],
      },
      {
        title: 'Copies that ended',
        unit: 'short',
        queries: [['{{outcome}}', `sum by (outcome) (increase(causeway_jobs_ended_total{${V}}[1h]))`]],
      },
      {
        title: 'How long copies ran (99 of 100)',
        unit: 's',
        queries: [['{{outcome}}', p99('causeway_job_duration_seconds', 'outcome')]],
      },
      {
        title: 'Left to copy',
        unit: 'bytes',
        queries: [['{{vm}}', `causeway_job_remaining_bytes{${V}}`]],
      },
      {
        title: 'Bytes that did not have to travel',
        unit: 'Bps',
        queries: [
          ['was there already', `sum(rate(causeway_job_reused_bytes_total{${V}}[$__rate_interval]))`],
          ['zeros', `sum(rate(causeway_job_zero_bytes_total{${V}}[$__rate_interval]))`],
        ],
      },
    ],
  },
  {
    title: 'Where the time goes',
    panels: [
      {
        title: 'Stages at work',
        unit: 'percentunit',
        queries: [['{{side}} {{stage}}', rate('causeway_stage_busy_seconds_total', V, 'side, stage')]],
      },
      {
        title: 'Stages with nothing to do yet',
        unit: 'percentunit',
        queries: [['{{side}} {{stage}}', rate('causeway_stage_starved_seconds_total', V, 'side, stage')]],
      },
      {
        title: 'Stages held up by the next one',
        unit: 'percentunit',
        queries: [['{{side}} {{stage}}', rate('causeway_stage_blocked_seconds_total', V, 'side, stage')]],
      },
      {
        title: 'What limits copies',
        unit: 'short',
        queries: [['{{side}} {{stage}}', `sum by (side, stage) (causeway_jobs_limited{${I}}) or vector(0)`]],
      },
      {
        title: 'Queue',
        unit: 'short',
        queries: [['{{reason}}', `sum by (reason) (causeway_queue_length{${I}})`]],
      },
      {
        title: 'Wait in the queue (99 of 100)',
        unit: 's',
        queries: [['wait', p99('causeway_queue_wait_seconds', '')]],
      },
    ],
  },
  {
    title: 'Links',
    panels: [
      { title: 'Round trip', unit: 's', queries: [['{{vm}}', `causeway_link_round_trip_seconds{${V}}`]] },
      {
        title: 'Bytes on the links',
        unit: 'Bps',
        queries: [
          ['to {{vm}}', rate('causeway_link_sent_bytes_total', V, 'vm')],
          ['from {{vm}}', rate('causeway_link_received_bytes_total', V, 'vm')],
          ['again to {{vm}}', rate('causeway_link_resent_bytes_total', V, 'vm')],
        ],
      },
      {
        title: 'Reconnects in an hour',
        unit: 'short',
        queries: [['{{vm}}', `increase(causeway_link_reconnects_total{${V}}[1h])`]],
      },
      {
        title: 'Streams and lanes',
        unit: 'short',
        queries: [
          ['{{vm}} {{kind}}', `causeway_link_streams{${V}}`],
          ['{{vm}} lanes', `causeway_lanes{${V}}`],
        ],
      },
      {
        title: 'Shared rate',
        unit: 'Bps',
        queries: [
          ['let go {{direction}}', rate('causeway_rate_granted_bytes_total', I, 'direction')],
          ['limit', `causeway_rate_limit_bytes{${I}}`],
        ],
      },
    ],
  },
  {
    title: 'Shares and disks',
    panels: [
      {
        title: 'Requests to shares',
        unit: 'reqps',
        queries: [['{{share}} {{method}}', rate('causeway_share_requests_total', I, 'share, method')]],
      },
      {
        title: 'Bytes of shares',
        unit: 'Bps',
        queries: [
          ['sent {{share}}', rate('causeway_share_sent_bytes_total', I, 'share')],
          ['received {{share}}', rate('causeway_share_received_bytes_total', I, 'share')],
        ],
      },
      {
        title: 'Locks and open requests',
        unit: 'short',
        queries: [
          ['locks {{share}}', `causeway_share_locks{${I}}`],
          ['requests {{share}}', `causeway_share_open_requests{${I}}`],
        ],
      },
      {
        title: 'Free space',
        unit: 'percentunit',
        queries: [['{{place}}', `causeway_disk_free_bytes{${I}} / causeway_disk_size_bytes{${I}}`]],
      },
      { title: 'Kept for undo', unit: 'bytes', queries: [['held', `sum(causeway_undo_held_bytes{${I}})`]] },
    ],
  },
  {
    title: 'Caches of mounts',
    panels: [
      {
        title: 'Hit rate',
        unit: 'percentunit',
        queries: [
          [
            '{{mount}}',
            `rate(causeway_cache_hit_bytes_total{${I}}[$__rate_interval]) / rate(causeway_cache_asked_bytes_total{${I}}[$__rate_interval])`,
          ],
        ],
      },
      {
        title: 'How long reads took (99 of 100)',
        unit: 's',
        queries: [['{{mount}} {{tier}}', p99('causeway_cache_read_seconds', 'mount, tier')]],
      },
      {
        title: 'Fetched ahead',
        unit: 'Bps',
        queries: [
          ['of use {{kind}}', rate('causeway_cache_ahead_used_bytes_total', I, 'kind')],
          ['in vain {{kind}}', rate('causeway_cache_ahead_wasted_bytes_total', I, 'kind')],
        ],
      },
      {
        title: 'What caches hold',
        unit: 'bytes',
        queries: [
          ['disk {{mount}}', `causeway_cache_resident_bytes{${I}}`],
          ['memory {{mount}}', `causeway_cache_memory_bytes{${I}}`],
          ['memory at most {{mount}}', `causeway_cache_memory_limit_bytes{${I}}`],
        ],
      },
      {
        title: 'Blocks that were not of use',
        unit: 'short',
        queries: [
          ['evicted {{mount}}', rate('causeway_cache_evicted_blocks_total', I, 'mount')],
          ['damaged {{mount}}', rate('causeway_cache_damaged_blocks_total', I, 'mount')],
          ['bypassed {{mount}}', rate('causeway_cache_bypassed_blocks_total', I, 'mount')],
        ],
      },
    ],
  },
  {
    title: 'Access and API',
    panels: [
      {
        title: 'Attempts to sign in',
        unit: 'short',
        queries: [['{{result}}', `sum by (result) (increase(causeway_sign_ins_total{${I}}[1h]))`]],
      },
      {
        title: 'Refusals in an hour',
        unit: 'short',
        queries: [['{{code}}', `sum by (code) (increase(causeway_access_refusals_total{${I}}[1h]))`]],
      },
      {
        title: 'Sessions and tokens',
        unit: 'short',
        queries: [
          ['sessions', `sum(causeway_sessions{${I}})`],
          ['tokens', `sum(causeway_tokens{${I}})`],
        ],
      },
      {
        title: 'Audit records in a second',
        unit: 'short',
        queries: [
          ['records', `sum(rate(causeway_audit_records_total{${I}}[$__rate_interval]))`],
          ['not written', `sum(rate(causeway_audit_write_failures_total{${I}}[$__rate_interval]))`],
        ],
      },
      {
        title: 'Time to write an audit record (99 of 100)',
        unit: 's',
        queries: [['flushed', p99('causeway_audit_write_seconds', '')]],
      },
      {
        title: 'API requests',
        unit: 'reqps',
        queries: [['{{status}}', rate('causeway_api_requests_total', I, 'status')]],
      },
      {
        title: 'API answers (99 of 100)',
        unit: 's',
        queries: [['{{procedure}}', p99('causeway_api_request_duration_seconds', 'procedure')]],
      },
    ],
  },
  {
    title: 'Process',
    panels: [
      {
        title: 'Processors',
        unit: 'percentunit',
        queries: [
          ['daemon', `rate(process_cpu_seconds_total{job="causeway",${I}}[$__rate_interval])`],
          ['main thread', `rate(causeway_main_thread_seconds_total{${I}}[$__rate_interval])`],
        ],
      },
      {
        title: 'Memory',
        unit: 'bytes',
        queries: [
          ['resident', `process_resident_memory_bytes{job="causeway",${I}}`],
          ['heap', `causeway_heap_used_bytes{${I}}`],
          ['buffers', `causeway_external_memory_bytes{${I}}`],
        ],
      },
      {
        title: 'Lateness of the main thread',
        unit: 's',
        queries: [
          ['mean', `causeway_event_loop_lag_seconds{${I}}`],
          ['99 of 100', `causeway_event_loop_lag_p99_seconds{${I}}`],
        ],
      },
      {
        title: 'Garbage collection',
        unit: 'percentunit',
        queries: [['{{kind}}', rate('causeway_gc_seconds_total', I, 'kind')]],
      },
      {
        title: 'Open files',
        unit: 'short',
        queries: [['open', `process_open_fds{job="causeway",${I}}`]],
      },
    ],
  },
];

const DATA_SOURCE = { type: 'prometheus', uid: '$datasource' };
const WIDTH = 24;
const SIZES = { stat: { w: 4, h: 4 }, timeseries: { w: 8, h: 8 }, table: { w: 12, h: 8 } } as const;

function panelOf(spec: PanelSpec, id: number, x: number, y: number): object {
  const { title, unit, queries, kind = 'timeseries' } = spec;
  const { w, h } = SIZES[kind];
  return {
    id,
    type: kind,
    title,
    datasource: DATA_SOURCE,
    gridPos: { x, y, w, h },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options:
      kind === 'timeseries'
        ? { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } }
        : { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false } },
    targets: queries.map(([legendFormat, expr], at) => ({
      refId: String.fromCharCode(65 + at),
      datasource: DATA_SOURCE,
      expr,
      legendFormat,
    })),
  };
}

/** Panels from left to right, each row of the table below a heading. */
function layOut(): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const row of ROWS) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
      panels: [],
    });
    y += 1;
    let x = 0;
    let height = 0;
    for (const spec of row.panels) {
      const { w, h } = SIZES[spec.kind ?? 'timeseries'];
      if (x + w > WIDTH) {
        x = 0;
        y += height;
      }
      panels.push(panelOf(spec, panels.length + 1, x, y));
      x += w;
      height = h;
    }
    y += height;
  }
  return panels;
}

function variable(name: string, label: string, metric: string): object {
  return {
    name,
    label,
    type: 'query',
    datasource: DATA_SOURCE,
    query: { query: `label_values(${metric}, ${name})`, refId: name },
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  };
}

/** Text of deploy/grafana/causeway.json. */
export function grafanaDashboard(): string {
  const dashboard = {
    uid: 'causeway',
    title: 'Causeway',
    tags: ['causeway'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: 'browser',
    annotations: { list: [] },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', current: {} },
        variable('instance', 'Daemon', 'causeway_build_info'),
        variable('vm', 'Machine', 'causeway_link_up'),
      ],
    },
    panels: layOut(),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
