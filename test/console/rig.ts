import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { ensureConsole } from '../../scripts/console.ts';
import { DaemonClient } from '../../src/cli/client.ts';
import { LINK_ONLY, ROOT, Served } from '../interop/rig.ts';

/** Debian's; a test of the console is skipped without it. */
const CHROMIUM = '/usr/bin/chromium';
export const SKIPPED = existsSync(CHROMIUM) ? false : `needs ${CHROMIUM} (Debian package chromium)`;

/** Pictures of the pages, kept after a run to be looked at. */
const PICTURES = join(ROOT, 'artifacts/console');
const WAIT_MS = 20_000;

/** A daemon with its console, an agent that nobody has added yet, and a browser. */
export class ConsoleRig implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'causeway-console-'));
  readonly client = new DaemonClient(join(this.folder, 'host'));
  /** What pages have complained about: scripts that failed, and what the content security policy has stopped. */
  readonly complaints: string[] = [];
  #daemon: Served | null = null;
  #agent: Served | null = null;
  #browser: Browser | null = null;
  agentAddress = '';
  agentToken = '';

  static async start(): Promise<ConsoleRig> {
    const rig = new ConsoleRig();
    try {
      await rig.#start();
      return rig;
    } catch (failure) {
      await rig[Symbol.asyncDispose]();
      throw failure;
    }
  }

  get hostFiles(): string {
    return join(this.folder, 'in');
  }

  get guestFiles(): string {
    return join(this.folder, 'out');
  }

  /** A browser of its own, with nothing remembered. */
  async page(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser!.newContext({
      ignoreHTTPSErrors: true, // the certificate is the daemon's own
      viewport: { width: 1280, height: 900 },
      locale: 'en-GB',
      ...options,
    });
    context.setDefaultTimeout(WAIT_MS);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) this.complaints.push(message.text());
    });
    return page;
  }

  async picture(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
  }

  async #start(): Promise<void> {
    for (const name of ['host', 'guest', 'in', 'out']) mkdirSync(join(this.folder, name));
    mkdirSync(PICTURES, { recursive: true });
    console.log(`pictures of the pages: ${PICTURES}`);
    await ensureConsole();
    const data = join(this.folder, 'host');
    const up = ['--web', '127.0.0.1:0', '--listen', '127.0.0.1:0', '--limit', '24M'];
    this.#daemon = new Served(join(ROOT, 'src/cli/main.ts'), ['--data', data, 'up', ...up], LINK_ONLY);
    const run = ['run', '--listen', '127.0.0.1:0', '--data', join(this.folder, 'guest')];
    this.#agent = new Served(join(ROOT, 'src/guest/main.ts'), run);
    const starting = chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    this.#browser = await starting;
    const { address = '', token = '' } = await this.#agent.ready;
    this.agentAddress = address;
    this.agentToken = token;
    await this.#daemon.ready;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser?.close();
    await this.#daemon?.kill();
    await this.#agent?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A code as RFC 6238 computes it, with nothing of the program: SHA-1, six digits, steps of 30 s. */
export function totpCode(secret: string, atMs: number): string {
  const bits = [...secret.replace(/=+$/, '')]
    .map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(atMs / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const number = mac.readUInt32BE(mac.at(-1)! & 0x0f) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}
