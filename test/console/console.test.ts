import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { seriousFindings } from './axe.ts';
import { dropFolder } from './drop_folder.ts';
import { expect } from './expect.ts';
import { ConsoleRig, SKIPPED, totpCode } from './rig.ts';

const PASSWORD = 'a bridge over quiet water';
const VIEWER_PASSWORD = 'only looking at the bridge';
const MIB = 1024 ** 2;

describe('the console', { skip: SKIPPED }, () => {
  let rig: ConsoleRig;
  let admin: Page;
  let viewer: Page;
  let url = '';
  let secret = '';
  let jobHash = '';

  before(async () => {
    rig = await ConsoleRig.start();
    admin = await rig.page();
  });
  after(async () => {
    const mountpoint = join(rig.hostFiles, 'cached');
    await rig.client.call('removeMount', {}, { mountpoint }).catch(() => undefined); // it may not have come so far
    await rig?.[Symbol.asyncDispose]();
  });

  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
  const field = (page: Page, name: string) => page.getByLabel(name, { exact: true });
  const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true, level: 1 });
  const open = async (page: Page, hash: string): Promise<void> => {
    await page.goto(`${url}#/${hash}`);
  };

  it('makes the first administrator by a link that works once', async () => {
    const { web } = await rig.client.call('status', {});
    const link = web!.welcomeUrl!;
    url = link.slice(0, link.indexOf('#'));
    await admin.goto(link);
    await heading(admin, 'Welcome to Causeway').waitFor();
    await rig.picture(admin, 'welcome');
    await button(admin, 'Create the account').click();
    await admin.getByText('Enter a name').waitFor();
    await field(admin, 'User name').fill('ann');
    await field(admin, 'New password').fill(PASSWORD);
    await field(admin, 'The same password again').fill(PASSWORD);
    await button(admin, 'Create the account').click();
    await heading(admin, 'Overview').waitFor();
    assert.equal(new URL(admin.url()).hash, '#/', 'the link is not kept in the address');
    await rig.picture(admin, 'overview-empty');
    const second = await rig.page();
    await second.goto(link);
    await heading(second, 'This link was used already or is too old').waitFor();
    await second.context().close();
  });

  it('enrols an authenticator, and then asks for its code', async () => {
    await open(admin, 'account');
    await button(admin, 'Turn it on').click();
    await admin.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor();
    secret = ((await admin.locator('.enrol code').textContent()) ?? '').trim();
    await rig.picture(admin, 'account-enrol');
    await field(admin, 'Code').fill(totpCode(secret, Date.now()));
    await button(admin, 'Confirm the code').click();
    await admin.getByRole('heading', { name: 'Your recovery codes' }).waitFor();
    const codes = await admin.locator('.codes code').allTextContents();
    assert.ok(codes.length >= 8 && new Set(codes).size === codes.length);
    await button(admin, 'I have kept them').click();
    await admin.getByText(`${codes.length} recovery codes are left.`).waitFor();
    await button(admin, 'Sign out').click();
    await heading(admin, 'Sign in').waitFor();
    await rig.picture(admin, 'sign-in');
    await field(admin, 'User name').fill('ann');
    await field(admin, 'Password').fill('something else entirely');
    await button(admin, 'Sign in').click();
    await admin.getByText('The name, the password or the code is wrong').waitFor();
    await field(admin, 'Password').fill(PASSWORD);
    await button(admin, 'Sign in').click();
    await field(admin, 'Code').fill(totpCode(secret, Date.now() + 30_000)); // the one of now was used
    await button(admin, 'Sign in').click();
    await admin.getByText('Signed in as ann').waitFor();
  });

  it('adds a machine with the token of its agent', async () => {
    await open(admin, 'machines');
    await admin.getByRole('heading', { name: 'Found on this host' }).waitFor();
    await admin.getByRole('link', { name: 'Add a machine' }).click();
    await heading(admin, 'Add a machine').waitFor();
    await button(admin, 'Add the machine').click();
    assert.equal(await field(admin, 'Name').getAttribute('aria-invalid'), 'true');
    assert.equal(await admin.evaluate(() => document.activeElement?.getAttribute('aria-invalid')), 'true');
    await field(admin, 'Name').fill('dev');
    await field(admin, 'Address of the machine').fill(rig.agentAddress);
    await field(admin, 'Token').fill(rig.agentToken);
    await button(admin, 'Add the machine').click();
    await heading(admin, 'dev').waitFor();
    await admin.getByText('Connected', { exact: true }).first().waitFor();
  });

  it('copies a file into the machine, with live progress up to 100 %', async () => {
    const bytes = Buffer.alloc(64 * MIB);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
    const source = join(rig.hostFiles, 'disk.img');
    writeFileSync(source, bytes);
    await open(admin, 'copy/dev');
    await button(admin, 'Start the copy').click();
    await admin.getByText('Say what to copy').waitFor();
    await button(admin, 'Choose on this computer').click();
    const picker = admin.getByRole('dialog', { name: 'Choose files and folders' });
    await picker.getByRole('button', { name: 'Open /', exact: true }).click();
    for (const name of rig.hostFiles.slice(1).split('/'))
      await picker.getByRole('button', { name: `Open ${name}`, exact: true }).click();
    await picker.getByLabel('disk.img').check();
    assert.deepEqual(await seriousFindings(admin), [], 'the dialog');
    await rig.picture(admin, 'copy-picker');
    await picker.getByRole('button', { name: 'Choose 1' }).click();
    assert.equal(await field(admin, 'Files and folders').inputValue(), source);
    await field(admin, 'Destination').fill(`${rig.guestFiles}/`);
    await rig.picture(admin, 'copy');
    await button(admin, 'Start the copy').click();
    await heading(admin, 'disk.img → dev').waitFor();
    jobHash = new URL(admin.url()).hash.slice(2);
    const percent = async (): Promise<number> =>
      Number((await admin.locator('[data-percent]').getAttribute('data-percent')) || 0);
    await expect('it moves', async () => ((await percent()) > 0 ? true : null));
    await rig.picture(admin, 'job-running');
    const seen: number[] = [];
    await expect('it is at 100 %', async () => {
      const now = await percent();
      if (now !== seen.at(-1)) seen.push(now);
      return now === 100 ? true : null;
    });
    assert.ok(seen.length > 2, `live: ${seen.join(', ')}`);
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
      'it never falls',
    );
    for (const kind of ['sent', 'received', 'durable'])
      assert.match(
        (await admin.locator(`[data-counter="${kind}"] dd`).first().textContent()) ?? '',
        /^64\.0 MiB/,
      );
    await admin.getByText('Done', { exact: true }).first().waitFor();
    assert.ok(readFileSync(join(rig.guestFiles, 'disk.img')).equals(bytes));
  });

  it('shows in the audit log who started it', async () => {
    await open(admin, 'audit');
    await field(admin, 'What').selectOption({ label: 'Start a copy' });
    await button(admin, 'Search').click();
    const row = admin.locator('tr[data-action="job.start"]').first();
    await row.getByText('ann').waitFor();
    await row.getByText('Done', { exact: true }).waitFor();
    await button(admin, 'Check the log').click();
    await admin.getByText(/The log is sound: \d+ records/).waitFor();
  });

  it('undoes the copy', async () => {
    await open(admin, jobHash);
    await button(admin, 'Undo').click();
    const dialog = admin.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Undo' }).click();
    await admin.getByText(/^Undone: /).waitFor();
  });

  it('copies a folder that was dropped onto the page', async () => {
    await open(admin, 'copy/dev');
    await field(admin, 'Place').first().waitFor();
    await dropFolder(admin);
    const list = admin.getByRole('list', { name: 'Chosen on this device' });
    await list.locator('[data-picked="photos"]').getByText('3 files').waitFor();
    await list.getByText('17 B').waitFor();
    await admin.locator('input[type="file"]').first().setInputFiles(join(rig.hostFiles, 'disk.img'));
    await list.locator('[data-picked="disk.img"]').getByText('64.0 MiB').waitFor();
    await list.getByRole('button', { name: 'Take disk.img out' }).click();
    await admin.getByText('3 files, 17 B').waitFor();
    assert.deepEqual(await seriousFindings(admin), [], 'the list');
    await rig.picture(admin, 'copy-dropped');
    await button(admin, 'Choose a folder on dev').click();
    const picker = admin.getByRole('dialog', { name: 'Choose a folder on dev' });
    await picker.getByRole('button', { name: 'Open /', exact: true }).click();
    for (const name of rig.guestFiles.slice(1).split('/'))
      await picker.getByRole('button', { name: `Open ${name}`, exact: true }).click();
    await picker.getByRole('button', { name: 'Choose this folder' }).click();
    assert.equal(await field(admin, 'Destination').inputValue(), `${rig.guestFiles}/`);
    await button(admin, 'Start the copy').click();
    await heading(admin, 'photos → dev').waitFor();
    await expect('it is at 100 %', async () =>
      (await admin.locator('[data-percent]').getAttribute('data-percent')) === '100' ? true : null,
    );
    await admin.getByText('Sent from a browser').first().waitFor();
    const copied = (name: string) => readFileSync(join(rig.guestFiles, 'photos', name), 'utf8');
    assert.deepEqual(['a.txt', 'b.txt', 'deep/c.txt'].map(copied), ['bytes', 'of', 'files here']);
    assert.ok(statSync(join(rig.guestFiles, 'photos/empty')).isDirectory());
    const staging = join(rig.folder, 'host/uploads');
    await expect('nothing is kept', async () => (readdirSync(staging).length === 0 ? true : null));
    await open(admin, 'audit');
    await field(admin, 'What').selectOption({ label: 'Send files to be copied' });
    await button(admin, 'Search').click();
    await admin.locator('tr[data-action="upload.change"]').first().getByText('ann').waitFor();
  });

  it('says what to do where the agent is too old to show its folders', async () => {
    const code = 'CW_UNSUPPORTED';
    await admin.route('**/vms/dev/files*', (route) => route.fulfill({ status: 409, json: { code } }));
    await open(admin, 'copy/dev');
    await button(admin, 'Choose a folder on dev').click();
    await admin.getByText('Type the path instead, or update the agent.').waitFor();
    assert.equal(await admin.getByText('Loading…').count(), 0);
    await admin.unroute('**/vms/dev/files*');
    await admin.keyboard.press('Escape');
  });

  it('shows the settings of the daemon, checks a change, and says what needs a restart', async () => {
    await open(admin, 'settings');
    const row = (name: string) => admin.locator(`[data-setting="${name}"]`);
    await row('web.address').getByText('From a flag').waitFor();
    const fixed = row('web.address').getByRole('button');
    assert.equal(await fixed.getAttribute('aria-disabled'), 'true');
    assert.match((await fixed.getAttribute('title')) ?? '', /^Comes from --web/);
    const idle = row('sessions.idleMinutes');
    await idle.getByText('Default', { exact: true }).waitFor();
    await idle.getByRole('button').click();
    await idle.getByRole('textbox').fill('0');
    await idle.getByRole('button', { name: 'Check and store' }).click();
    await idle.getByText('This setting does not take that value').waitFor();
    await rig.picture(admin, 'settings-check');
    await idle.getByRole('textbox').fill('90');
    await idle.getByRole('button', { name: 'Check and store' }).click();
    await idle.getByText('Changed', { exact: true }).waitFor();
    const shares = row('shares.address');
    await shares.getByRole('button').click();
    await shares.getByRole('textbox').fill('off');
    await shares.getByRole('button', { name: 'Check and store' }).click();
    await shares.getByText('After a restart: off').waitFor();
    const { settings } = await rig.client.call('showConfig', {});
    const stored = settings.find(({ name }) => name === 'sessions.idleMinutes');
    assert.deepEqual([stored?.value, stored?.origin], [90, 'file']);
  });

  it('shows the caches of mounts, and how to make one where there is none', async () => {
    await open(admin, 'caches');
    await admin.getByText('No mount has a cache').waitFor();
    await rig.picture(admin, 'caches-empty');
    const [folder, mountpoint] = [join(rig.guestFiles, 'cached'), join(rig.hostFiles, 'cached')];
    for (const at of [folder, mountpoint]) mkdirSync(at);
    writeFileSync(join(folder, 'file'), 'cached');
    const wish = { vm: 'dev', folder, mountpoint, cacheBytes: 64 * MIB, asRoot: true };
    await rig.client.call('addMount', {}, wish);
    const card = admin.getByRole('region', { name: mountpoint });
    await card.getByText('Works', { exact: true }).waitFor();
    await card.getByText('nothing was read yet').waitFor();
    await card.getByText('goes to the machine at once').waitFor();
    const { ctimeMs } = statSync(join(folder, 'file'));
    const deadline = performance.now() + 20_000;
    while (Date.now() - ctimeMs <= 2_200 && performance.now() < deadline) await admin.waitForTimeout(100);
    assert.equal(await readFile(join(mountpoint, 'file'), 'utf8'), 'cached');
    await card.getByText('% of 6 B').waitFor();
    await rig.picture(admin, 'caches');
  });

  it('shows the leases of a machine that shows a share', async () => {
    const [source, path] = [join(rig.hostFiles, 'leased'), join(rig.guestFiles, 'leased')];
    mkdirSync(source);
    const mount = { vm: 'dev', path, cacheBytes: 64 * MIB, asRoot: true };
    await rig.client.call('createShare', {}, { name: 'leased', source, mount });
    try {
      await open(admin, 'caches');
      const card = admin.getByRole('region', { name: `${path} in dev` });
      await card.getByText('Files that need no question').waitFor();
      await card.getByText('0 now; 0 ended since others changed them').waitFor();
    } finally {
      await rig.client.call('removeShare', { name: 'leased' });
    }
  });

  it('lets a viewer see, and change nothing', async () => {
    await open(admin, 'people/add');
    await field(admin, 'User name').fill('bob');
    await button(admin, 'Add and make a link').click();
    const link = ((await admin.locator('.copy-text code').textContent()) ?? '').trim();
    viewer = await rig.page();
    await viewer.goto(link);
    await heading(viewer, 'Hello bob').waitFor();
    await field(viewer, 'New password').fill(VIEWER_PASSWORD);
    await field(viewer, 'The same password again').fill(VIEWER_PASSWORD);
    await button(viewer, 'Save').click();
    await viewer.getByText('Signed in as bob').waitFor();
    await viewer.locator('[data-machine="dev"]').waitFor();
    for (const hidden of ['New copy', 'People', 'Audit', 'Caches'])
      assert.equal(await viewer.getByRole('link', { name: hidden, exact: true }).count(), 0, hidden);
    await open(viewer, 'machines');
    await viewer.locator('[data-machine="dev"]').waitFor();
    assert.equal(await viewer.getByRole('heading', { name: 'Found on this host' }).count(), 0);
    await open(viewer, 'machines/dev');
    const remove = button(viewer, 'Remove');
    await remove.waitFor();
    assert.equal(await remove.getAttribute('aria-disabled'), 'true');
    assert.equal(await remove.getAttribute('title'), 'Your role lets you look at this, not change it.');
    await remove.click({ force: true });
    assert.equal(await viewer.getByRole('dialog').count(), 0);
    await rig.picture(viewer, 'machine-viewer');
    await open(viewer, 'copy/dev');
    await field(viewer, 'Files and folders').fill('/etc/hostname');
    await field(viewer, 'Destination').fill('/x');
    const start = button(viewer, 'Start the copy');
    assert.equal(await start.getAttribute('aria-disabled'), 'true');
    await start.click({ force: true });
    const { jobs } = await rig.client.call('listJobs', {}, {});
    assert.equal(jobs.length, 2, 'nothing was started');
  });

  const pages: [name: string, hash: () => string][] = [
    ['overview', () => ''],
    ['copies', () => 'jobs'],
    ['job', () => jobHash],
    ['copy', () => 'copy'],
    ['machines', () => 'machines'],
    ['machine', () => 'machines/dev'],
    ['caches', () => 'caches'],
    ['add-machine', () => 'machines/add'],
    ['people', () => 'people'],
    ['add-person', () => 'people/add'],
    ['person', () => 'people/bob'],
    ['tokens', () => 'tokens'],
    ['audit', () => 'audit'],
    ['account', () => 'account'],
    ['settings', () => 'settings'],
    ['missing', () => 'nothing/here'],
  ];
  const looks = [
    { name: 'light', colorScheme: 'light', language: 'English' },
    { name: 'dark', colorScheme: 'dark', language: '简体中文' },
  ] as const;
  const settle = async (hash: string): Promise<void> => {
    await open(admin, hash);
    await admin.locator('.page').waitFor();
    await admin.waitForFunction(() => !/Loading…|正在加载…/.test(document.body.textContent ?? ''));
  };
  for (const { name, colorScheme, language } of looks) {
    it(`is usable by everybody, wide and on a phone: ${name}, ${language}`, async () => {
      await open(admin, 'settings');
      await admin.getByLabel(language, { exact: true }).check();
      await admin.emulateMedia({ colorScheme });
      const tag = language === 'English' ? 'en' : 'zh-Hans';
      assert.equal(await admin.locator('html').getAttribute('lang'), tag);
      for (const [page, hash] of pages) {
        await admin.setViewportSize({ width: 1280, height: 900 });
        await settle(hash());
        assert.deepEqual(await seriousFindings(admin), [], page);
        await rig.picture(admin, `${name}-${page}`);
        await admin.setViewportSize({ width: 390, height: 844 });
        const beyond = await admin.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(beyond <= 0, `${page} is ${beyond} px too wide`);
        await rig.picture(admin, `${name}-${page}-phone`);
      }
    });
  }

  it('lets people choose a folder on a phone, in the dark, in Chinese', async () => {
    await open(admin, 'copy/dev');
    await admin.locator('select').nth(1).selectOption('');
    await admin.getByRole('button', { name: '在本机上选择文件夹' }).click();
    const picker = admin.getByRole('dialog', { name: '选择文件夹' });
    await picker.getByRole('button', { name: '打开 /', exact: true }).click();
    await picker.locator('[data-file="usr"]').waitFor();
    const open0 = picker.getByRole('button', { name: '打开 usr', exact: true });
    await open0.focus();
    await admin.keyboard.press('Enter');
    // `share` is in /usr alone: / may have most of its other names too.
    await picker.locator('[data-file="share"]').waitFor();
    const focused = () => admin.evaluate(() => document.activeElement?.textContent);
    await expect('where one has come to has the focus', async () =>
      (await focused()) === 'usr' ? true : null,
    );
    assert.deepEqual(await seriousFindings(admin), []);
    const beyond = await admin.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(beyond <= 0, `${beyond} px too wide`);
    await rig.picture(admin, 'dark-picker-phone');
    await picker.getByRole('button', { name: '选择此文件夹' }).click();
    assert.equal(await admin.getByLabel('目的地', { exact: true }).inputValue(), '/usr/');
  });

  it('can be used by keyboard alone', async () => {
    await open(admin, 'settings');
    await admin.setViewportSize({ width: 1280, height: 900 });
    await admin.getByLabel('English', { exact: true }).check();
    await open(admin, '');
    await admin.reload();
    await heading(admin, 'Overview').waitFor();
    await admin.keyboard.press('Tab');
    const focused = () => admin.evaluate(() => document.activeElement?.textContent?.trim());
    assert.equal(await focused(), 'Skip to the content');
    await admin.keyboard.press('Enter');
    assert.equal(await admin.evaluate(() => document.activeElement?.id), 'content');
    await open(admin, 'machines');
    await expect('the heading has the focus', async () => ((await focused()) === 'Machines' ? true : null));
  });

  it('broke no rule of its own: no script failed, and the policy has stopped nothing', () => {
    assert.deepEqual(rig.complaints, []);
  });
});
