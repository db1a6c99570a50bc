import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { until } from '../interop/rig.ts';

/** One series of an answer: its labels, and its newest value. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface ScrapeTarget {
  readonly hostPort: string;
  readonly token: string;
  readonly certificatePem: string;
}

/** A real Prometheus that scrapes one daemon every second. */
export class PrometheusServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly url: string;
  errors = '';

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    child.stderr?.on('data', (piece: Buffer) => {
      this.errors = (this.errors + piece.toString()).slice(-8_192);
    });
  }

  /** `folder` is its own. `rules` is the path of a rules file. */
  static async start(folder: string, target: ScrapeTarget, rules: string): Promise<PrometheusServer> {
    mkdirSync(folder, { recursive: true });
    const at = (name: string) => join(folder, name);
    writeFileSync(at('token'), target.token);
    writeFileSync(at('ca.pem'), target.certificatePem);
    writeFileSync(
      at('prometheus.yml'),
      JSON.stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s', scrape_timeout: '1s' },
        rule_files: [rules],
        scrape_configs: [
          {
            job_name: 'causeway',
            scheme: 'https',
            authorization: { credentials_file: at('token') },
            tls_config: { ca_file: at('ca.pem') },
            static_configs: [{ targets: [target.hostPort] }],
          },
        ],
      }),
    );
    const port = await freePort();
    const child = spawn(
      'prometheus',
      [
        `--config.file=${at('prometheus.yml')}`,
        `--storage.tsdb.path=${at('data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const server = new PrometheusServer(child, `http://127.0.0.1:${port}`);
    try {
      await until('Prometheus is ready', 20_000, async () => {
        if (child.exitCode !== null) throw new Error(`Prometheus ended: ${server.errors}`);
        return fetch(`${server.url}/-/ready`).then(
          ({ ok }) => (ok ? true : null),
          () => null, // it does not listen yet
        );
      });
      return server;
    } catch (failure) {
      await server[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** What a query gives now. Throws what Prometheus says of one that it does not take. */
  async query(query: string): Promise<readonly Series[]> {
    const answer = await this.get<{ result: readonly Series[] }>(`query?query=${encodeURIComponent(query)}`);
    return answer.result;
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`);
    const { status, error, data } = (await response.json()) as { status: string; error?: string; data: T };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return address !== null && typeof address === 'object' ? address.port : 0;
}
