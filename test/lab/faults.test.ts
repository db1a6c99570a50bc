import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import type { JobView, VmView } from '../../src/contract/schemas.ts';
import { mixedTree, randomFile } from '../interop/trees.ts';
import { PortProxy } from './port_proxy.ts';
import { CopyLab, guestListing, hostListing, isFull } from './rig.ts';
import { ShownFolder } from './share_cases.ts';
import { labMissing } from './vm.ts';

const skip = labMissing() ?? false;
const MIB = 1024 * 1024;
/** Large enough that the fault comes in mid-copy, by how fast the guest is. */
const LARGE_BYTES = { tcg: 24 * MIB + 123, kvm: 1024 * MIB + 123 };
const SMALL_FILES = 40;
/** The fault comes when this share of the bytes is durable: late enough to have something to keep, early enough to hit. */
const FAULT_AT_SHARE = 0.2;
const CUTS = 3;

interface Outcome {
  /** Right before the fault. */
  readonly before: JobView;
  readonly linkBefore: VmView;
  /** The first view of the attempt that follows the fault; the last one where there was none. */
  readonly resumed: JobView;
  readonly end: JobView;
}

/** Copies a folder with small files and a large one, breaks something in mid-copy, waits for the end, compares both sides. */
async function copyThroughFault(
  lab: CopyLab,
  direction: 'in' | 'out',
  name: string,
  fault: () => Promise<void>,
): Promise<Outcome> {
  const largeBytes = LARGE_BYTES[lab.vm.accelerator];
  const onHost = join(lab.hostFiles, name);
  const onGuest = `${lab.guestFiles}/${name}`;
  const made = join(lab.hostFiles, `${name} source`);
  mixedTree(made, SMALL_FILES);
  randomFile(join(made, 'large'), largeBytes);
  if (direction === 'out') await intoGuest(lab, made, onGuest);
  const [source, target] = direction === 'in' ? [made, onGuest] : [onGuest, onHost];
  const job = await lab.startJob(direction, source, target);
  const before = await lab.waitJob(
    job.id,
    'is in mid-copy',
    ({ durableBytes, plannedBytes }) =>
      plannedBytes > largeBytes && durableBytes >= plannedBytes * FAULT_AT_SHARE,
  );
  assert.equal(before.endedAtMs, null, 'the copy was over before the fault');
  const linkBefore = await lab.link();
  await fault();
  const resumed = await lab.waitJob(
    job.id,
    'goes on',
    (view) => view.endedAtMs !== null || (view.attempts > before.attempts && view.phase !== 'waiting'),
  );
  const end = await lab.waitJob(job.id, 'has ended', (view) => view.endedAtMs !== null);
  assert.equal(end.state, 'done', `${JSON.stringify(end.error ?? end.problems)}\n${await lab.agentLog()}`);
  assert.equal(end.percent, 100);
  const copied = direction === 'in' ? await guestListing(lab, target) : hostListing(target);
  assert.equal(copied, hostListing(made));
  const kept = `${lab.guestFiles}/.causeway`;
  const left = direction === 'in' ? await lab.guest(`[ ! -e ${kept} ] || ls -A ${kept}`) : '';
  assert.ok(['', 'undo'].includes(left.trim()), `temporary data are left over: ${left}`);
  return { before, linkBefore, resumed, end };
}

async function intoGuest(lab: CopyLab, source: string, target: string): Promise<void> {
  const { code, err } = await lab.cli('cp', '--quiet', source, `vm:${target}`);
  assert.equal(code, 0, err);
}

function tell(t: TestContext, { before, end }: Outcome): void {
  t.diagnostic(
    `planned ${end.plannedBytes}, durable before the fault ${before.durableBytes}, recovered ${end.recoveredBytes}, ` +
      `sent in all ${end.sentBytes}, attempts ${end.attempts}, ${(end.elapsedMs / 1_000).toFixed(1)} s`,
  );
}

/** A process or the whole machine died: what was durable is kept, and only the rest is sent again. */
function assertOnlyRestSent({ before, resumed, end }: Outcome): void {
  assert.equal(end.attempts, before.attempts + 1);
  assert.ok(
    end.recoveredBytes >= before.durableBytes,
    `${before.durableBytes} bytes were durable, ${end.recoveredBytes} were found again`,
  );
  const sentAfter = end.sentBytes - resumed.sentBytes;
  const missing = end.plannedBytes - end.recoveredBytes;
  assert.ok(sentAfter <= missing, `${sentAfter} bytes were sent for the ${missing} that were missing`);
  const costMax = LIMITS.sendWindowMaxBytes.value + LIMITS.unflushedMaxBytes.value;
  assert.ok(end.sentBytes <= end.plannedBytes + costMax, `${end.sentBytes} bytes were sent in all`);
}

/** The link alone was gone: the copy knows nothing of it, and the session repeats what was not acknowledged. */
async function assertSessionWentOn(
  lab: CopyLab,
  { linkBefore, end }: Outcome,
  cuts: number,
): Promise<string> {
  assert.equal(end.attempts, 1, `a cut is no new attempt: ${JSON.stringify(end.lastError)}`);
  assert.equal(end.sentBytes, end.plannedBytes, 'no chunk is sent twice');
  const link = await lab.link();
  const reconnects = link.reconnects - linkBefore.reconnects;
  const repeatedBytes = link.resentBytes - linkBefore.resentBytes;
  assert.ok(reconnects >= cuts, `${cuts} cuts, ${reconnects} reconnects`);
  assert.ok(
    repeatedBytes <= LIMITS.sessionWindowMaxBytes.value * reconnects,
    `${repeatedBytes} bytes were repeated`,
  );
  return `reconnects ${reconnects}, repeated by the host's session ${repeatedBytes} bytes`;
}

describe('lab: faults over the serial port', { skip }, () => {
  let lab: CopyLab;
  let proxy: PortProxy;
  before(async () => {
    lab = await CopyLab.start({
      topology: 'serial',
      between: async (socketPath) => {
        proxy = await PortProxy.start(`${socketPath}.proxy`, socketPath);
        return proxy.path;
      },
    });
  });
  after(async () => {
    await lab?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
  });

  for (const direction of ['in', 'out'] as const) {
    test(`the link is cut three times on the way ${direction}: the session goes on where it was`, async (t) => {
      const outcome = await copyThroughFault(lab, direction, `cut ${direction}`, async () => {
        for (let cut = 0; cut < CUTS; cut += 1) {
          proxy.cut();
          await lab.waitLink('interrupted');
          proxy.allow();
          await lab.waitLink('up');
        }
      });
      tell(t, outcome);
      t.diagnostic(await assertSessionWentOn(lab, outcome, CUTS));
    });
  }

  test('the machine stands still for longer than the heartbeat allows', async (t) => {
    const outcome = await copyThroughFault(lab, 'in', 'still', async () => {
      await lab.vm.qmp('stop');
      await lab.waitLink('interrupted');
      await lab.vm.qmp('cont');
    });
    tell(t, outcome);
    t.diagnostic(await assertSessionWentOn(lab, outcome, 1));
  });

  test('the agent is killed while it receives, and started again', async (t) => {
    const outcome = await copyThroughFault(lab, 'in', 'killed sink', () => lab.killAgent());
    tell(t, outcome);
    assertOnlyRestSent(outcome);
  });

  test('the agent is killed while it sends, and started again', async (t) => {
    const outcome = await copyThroughFault(lab, 'out', 'killed source', () => lab.killAgent());
    tell(t, outcome);
    assertOnlyRestSent(outcome);
  });

  test('the daemon is killed and started again: the copy goes on without being asked for', async (t) => {
    const outcome = await copyThroughFault(lab, 'in', 'killed daemon', () => lab.restartDaemon());
    tell(t, outcome);
    const { before, end } = outcome;
    assert.ok(end.recoveredBytes >= before.durableBytes, `${end.recoveredBytes} of ${before.durableBytes}`);
    assert.ok(
      end.sentBytes <= end.plannedBytes - end.recoveredBytes,
      `${end.sentBytes} bytes were sent again`,
    );
  });

  test('the machine is reset: what was called durable is there after the boot, and so is a shared folder', async (t) => {
    const shown = await ShownFolder.create(lab);
    const outcome = await copyThroughFault(lab, 'in', 'reset', async () => {
      await lab.vm.reset();
      await lab.startAgent();
      t.diagnostic(`the folder is writable ${await shown.back()} after the agent was ready`);
    });
    await shown.remove();
    tell(t, outcome);
    assertOnlyRestSent(outcome);
  });
});

describe('lab: faults over TCP', { skip }, () => {
  let lab: CopyLab;
  before(async () => {
    lab = await CopyLab.start({ topology: 'agent listens' });
  });
  after(() => lab?.[Symbol.asyncDispose]());

  test('the network cable is pulled and put back: the session goes on where it was', async (t) => {
    const outcome = await copyThroughFault(lab, 'in', 'cable', async () => {
      await lab.vm.qmp('set_link', { name: 'nic', up: false });
      await lab.waitLink('interrupted');
      await lab.vm.qmp('set_link', { name: 'nic', up: true });
    });
    tell(t, outcome);
    t.diagnostic(await assertSessionWentOn(lab, outcome, 1));
  });

  if (isFull) diesOverTcp(() => lab);
});

function diesOverTcp(lab: () => CopyLab): void {
  test('the agent is killed while it receives, and started again', async (t) => {
    const outcome = await copyThroughFault(lab(), 'in', 'killed sink', () => lab().killAgent());
    tell(t, outcome);
    assertOnlyRestSent(outcome);
  });

  test('the machine is reset: what was called durable is there after the boot', async (t) => {
    const outcome = await copyThroughFault(lab(), 'in', 'reset', async () => {
      await lab().vm.reset();
      await lab().startAgent();
    });
    tell(t, outcome);
    assertOnlyRestSent(outcome);
  });
}
