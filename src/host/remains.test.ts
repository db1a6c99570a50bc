import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock, settle } from '../../test/link/manual_clock.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { CausewayError, type ErrorCode } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { createNodeWorld } from '../world/node/world.ts';
import { Remains, type Removal } from './remains.ts';
import { type PendingDiscard, VmStore } from './vm_store.ts';

const DEADLINE_MS = 5_000;

/** One machine whose link and answers the test decides on. */
class Stage implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly calls: { readonly pending: PendingDiscard; readonly answer: Deferred<void> }[] = [];
  store!: VmStore;
  remains!: Remains;
  #up = deferred<void>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'causeway-remains-'));

  static async open(): Promise<Stage> {
    const stage = new Stage();
    await stage.startDaemon();
    await stage.store.add({
      name: 'vm',
      endpoint: { kind: 'listen' },
      trustCarrier: false,
      fingerprint: null,
      pairingSecret: null,
      pendingDiscards: [],
    });
    return stage;
  }

  /** Everything but the data directory is new. */
  async startDaemon(): Promise<void> {
    const dir = await createNodeWorld().disk.openRoot(this.#folder);
    this.store = await VmStore.open(dir, this.#folder);
    this.remains = new Remains({
      clock: this.clock,
      store: this.store,
      reach: (_vm, { onHost }, signal) =>
        onHost === true ? Promise.resolve() : abortable(this.#up.promise, signal),
      remove: (_vm, pending, signal) => {
        const answer = deferred<void>();
        this.calls.push({ pending, answer });
        return abortable(answer.promise, signal).then(() => undefined);
      },
    });
  }

  linkUp(): void {
    this.#up.resolve();
  }

  linkDown(): void {
    this.#up = deferred();
  }

  /** The n-th call, once it was made. */
  async call(number: number): Promise<(typeof this.calls)[number]> {
    const end = performance.now() + DEADLINE_MS;
    while (this.calls.length < number) {
      assert.ok(performance.now() < end, `call ${number} was not made`);
      await settle();
    }
    return this.calls[number - 1]!;
  }

  stored(): readonly PendingDiscard[] {
    return this.store.get('vm')!.pendingDiscards;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remains.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

function pending(id: string, more: Partial<PendingDiscard> = {}): PendingDiscard {
  return { transferId: id, destination: '/dst', jobId: `job-${id}`, ...more };
}

const refusal = (code: ErrorCode) => new CausewayError(code, 'the machine refuses');

async function kindOf(settled: Promise<Removal>): Promise<string> {
  await settle();
  return Promise.race([settled.then(({ kind }) => kind), Promise.resolve('open')]);
}

test('what is noted while the link is up is tried at once, without another change of the link', async () => {
  await using stage = await Stage.open();
  stage.linkUp();
  const { settled } = await stage.remains.add('vm', pending('aa'));
  const call = await stage.call(1);
  await stage.clock.advance(3_600_000);
  assert.equal(await kindOf(settled), 'open', 'the wait for the answer has no deadline of its own');
  call.answer.resolve();
  assert.equal((await settled).kind, 'removed');
  assert.deepEqual(stage.stored(), []);
});

test('a refusal that may pass is tried again, after waits that grow up to their bound', async () => {
  await using stage = await Stage.open();
  stage.linkUp();
  const { settled } = await stage.remains.add('vm', pending('aa'));
  let waitMs = LIMITS.discardRetryMinMs.value;
  for (let tries = 1; tries <= 12; tries += 1) {
    (await stage.call(tries)).answer.reject(refusal('CW_COPY_BUSY'));
    await settle();
    await stage.clock.advance(waitMs - 1);
    assert.equal(stage.calls.length, tries, `a try ${waitMs - 1} ms after the refusal`);
    await stage.clock.advance(1);
    assert.equal(stage.calls.length, tries + 1, `no try ${waitMs} ms after the refusal`);
    waitMs = Math.min(2 * waitMs, LIMITS.discardRetryMaxMs.value);
  }
  assert.equal(stage.remains.lastError('vm', 'aa')?.code, 'CW_COPY_BUSY');
  assert.equal(await kindOf(settled), 'open');
});

test('the tries end at their limit, with the last refusal', async () => {
  await using stage = await Stage.open();
  stage.linkUp();
  const { settled } = await stage.remains.add('vm', pending('aa'));
  for (let tries = 1; tries <= LIMITS.discardTriesMax.value; tries += 1) {
    (await stage.call(tries)).answer.reject(refusal('CW_DISK_IO'));
    await stage.clock.advance(LIMITS.discardRetryMaxMs.value);
  }
  assert.deepEqual(await settled, { kind: 'given-up', error: refusal('CW_DISK_IO') });
  assert.deepEqual(stage.stored(), []);
});

test('a refusal that never passes ends the tries at once', async () => {
  await using stage = await Stage.open();
  stage.linkUp();
  const { settled } = await stage.remains.add('vm', pending('aa'));
  (await stage.call(1)).answer.reject(refusal('CW_DISK_PERMISSION'));
  assert.deepEqual(await settled, { kind: 'given-up', error: refusal('CW_DISK_PERMISSION') });
  await stage.clock.advance(3_600_000);
  assert.equal(stage.calls.length, 1);
  assert.deepEqual(stage.stored(), []);
});

test('one worker tries one after the other, and a new entry does not wait for the back-off of an old one', async () => {
  await using stage = await Stage.open();
  stage.linkUp();
  await stage.remains.add('vm', pending('aa'));
  const first = await stage.call(1);
  await stage.remains.add('vm', pending('bb'));
  await settle();
  assert.equal(stage.calls.length, 1, 'the second waits for the first');
  first.answer.reject(refusal('CW_COPY_BUSY'));
  (await stage.call(2)).answer.reject(refusal('CW_COPY_BUSY')); // no time has passed
  assert.equal((await stage.call(3)).pending.transferId, 'bb');
});

test('a new entry ends the wait of a worker that backs off', async () => {
  await using stage = await Stage.open();
  stage.linkUp();
  await stage.remains.add('vm', pending('aa'));
  (await stage.call(1)).answer.reject(refusal('CW_COPY_BUSY'));
  await settle();
  await stage.remains.add('vm', pending('bb'));
  (await stage.call(2)).answer.resolve(); // no time has passed
});

test('a list that the store refuses is stored once it can be', async () => {
  await using stage = await Stage.open();
  const { change } = stage.store;
  stage.store.change = () => Promise.reject(refusal('CW_DISK_FULL'));
  await stage.remains.add('vm', pending('aa'));
  assert.deepEqual(stage.stored(), []);
  await stage.clock.advance(LIMITS.discardRetryMinMs.value);
  stage.store.change = change;
  await stage.clock.advance(LIMITS.discardRetryMinMs.value);
  assert.deepEqual(stage.stored(), [pending('aa')]);
});

test('what lies on the host does not wait for the link', async () => {
  await using stage = await Stage.open();
  await stage.remains.add('vm', pending('aa'));
  const { settled } = await stage.remains.add('vm', pending('bb', { onHost: true }));
  const call = await stage.call(1);
  assert.equal(call.pending.transferId, 'bb');
  call.answer.resolve();
  assert.equal((await settled).kind, 'removed');
  assert.deepEqual(stage.stored(), [pending('aa')]);
});

test('the next run of the daemon goes on with what was left', async () => {
  await using stage = await Stage.open();
  stage.linkUp();
  await stage.remains.add('vm', pending('aa'));
  await stage.call(1);
  await stage.remains.close();
  assert.equal(await stage.call(1).then(() => stage.calls.length), 1, 'a closed one tries no more');
  await stage.startDaemon();
  const [left] = stage.remains.takeUp();
  assert.deepEqual(left?.pending, pending('aa'));
  (await stage.call(2)).answer.resolve();
  assert.equal((await left!.settled).kind, 'removed');
  assert.deepEqual(stage.stored(), []);
});

test('a new attempt of the same copy gets the remains once nobody removes them any more', async () => {
  await using stage = await Stage.open();
  stage.linkUp();
  const { settled } = await stage.remains.add('vm', pending('aa'));
  const call = await stage.call(1);
  let given = false;
  const withdrawn = stage.remains.withdraw('vm', 'aa').then(() => {
    given = true;
  });
  assert.equal((await settled).kind, 'taken-over');
  await settle();
  assert.equal(given, false, 'the machine may still be removing them');
  call.answer.reject(refusal('CW_LINK_SESSION_LOST'));
  await withdrawn;
  await stage.clock.advance(3_600_000);
  assert.equal(stage.calls.length, 1);
  assert.deepEqual(stage.stored(), []);
});

test('withdrawing does not wait for a link that is down', async () => {
  await using stage = await Stage.open();
  await stage.remains.add('vm', pending('aa'));
  await stage.remains.withdraw('vm', 'aa');
  stage.linkUp();
  await settle();
  assert.equal(stage.calls.length, 0);
});

test('remains of a machine that is forgotten are given up and said so', async () => {
  await using stage = await Stage.open();
  const { settled } = await stage.remains.add('vm', pending('aa'));
  await stage.remains.forget('vm');
  const removal = await settled;
  assert.equal(removal.kind === 'given-up' && removal.error.code, 'CW_VM_UNKNOWN');
});

test('beyond their limit, remains are not noted', async () => {
  await using stage = await Stage.open();
  for (let n = 0; n < LIMITS.discardsPendingMax.value; n += 1)
    await stage.remains.add('vm', pending(String(n)));
  const { settled } = await stage.remains.add('vm', pending('one too many'));
  const removal = await settled;
  assert.equal(removal.kind === 'given-up' && removal.error.code, 'CW_LIMIT');
});
