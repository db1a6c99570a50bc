// docs/metrics.md, from the registry of metrics.
import { CACHE_FAMILIES } from '../src/telemetry/cache_families.ts';
import { DAEMON_FAMILIES } from '../src/telemetry/daemon_families.ts';
import type { FamilySpec } from '../src/telemetry/family.ts';
import { JOB_FAMILIES } from '../src/telemetry/job_families.ts';
import { LEASE_FAMILIES } from '../src/telemetry/lease_families.ts';
import { LINK_FAMILIES } from '../src/telemetry/link_families.ts';

const HEAD = `# Metrics

The daemon tells Prometheus how it fares: \`GET /metrics\` by HTTPS, at the port of the console, and on its Unix socket;
\`causeway metrics\` prints the same (\`--json\`: as data). It is the text format 0.0.4, or OpenMetrics 1.0.0 for who asks for
it, as Prometheus does. Generated from \`src/telemetry\` by \`npm run docs\`.

By HTTPS it is for who may do \`metrics.read\`: a viewer of everything. Make a user that can nothing else, and a token of it:

\`\`\`
causeway user add prometheus --role viewer
causeway token create prometheus --label scrape --days 366 > /etc/prometheus/causeway.token
\`\`\`

Its certificate is its own; keep it where Prometheus can read it, once its fingerprint is the one that \`causeway status\` shows:

\`\`\`
openssl s_client -connect 127.0.0.1:7410 </dev/null | openssl x509 > /etc/prometheus/causeway.pem
openssl x509 -in /etc/prometheus/causeway.pem -noout -fingerprint -sha256
\`\`\`

\`prometheus.yml\`:

\`\`\`yaml
rule_files: [/path/to/deploy/prometheus/causeway.rules.yml]
scrape_configs:
  - job_name: causeway
    scheme: https
    authorization: { credentials_file: /etc/prometheus/causeway.token }
    tls_config: { ca_file: /etc/prometheus/causeway.pem }
    static_configs: [{ targets: ['127.0.0.1:7410'] }]
\`\`\`

\`deploy/prometheus/causeway.rules.yml\` holds alerts, \`deploy/grafana/causeway.json\` a dashboard (Grafana: Dashboards, New,
Import).

Counters begin at 0 with each start of the daemon. What is about a machine or a share goes with it. A family keeps 2 000 series
at most; what is left out is counted in \`causeway_metrics_dropped_series_total\`. In the older format, and in queries, the
name of a counter ends in \`_total\`; a histogram has \`_bucket\`, \`_sum\` and \`_count\`.
`;

function table(families: Readonly<Record<string, FamilySpec>>): string[] {
  const rows = Object.entries(families).map(([name, { kind, help, labels }]) => {
    const shown = kind === 'counter' ? `${name}_total` : name;
    return `| \`${shown}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
  });
  return ['| name | kind | labels | what it is |', '| --- | --- | --- | --- |', ...rows];
}

/** Text of docs/metrics.md. */
export function metricsDocument(): string {
  const parts = [
    ['## Copies', JOB_FAMILIES],
    ['## Machines and links', LINK_FAMILIES],
    ['## Caches of mounts', CACHE_FAMILIES],
    ['## Leases of mounts', LEASE_FAMILIES],
    ['## The daemon', DAEMON_FAMILIES],
  ] as const;
  const sections = parts.flatMap(([title, families]) => ['', title, '', ...table(families)]);
  return `${[HEAD.trimEnd(), ...sections].join('\n')}\n`;
}
