import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { JobView } from '../../src/contract/schemas.ts';
import type { CauseId } from '../../src/transfer/explain/causes.ts';
import type { GateOrders } from '../fixtures/disk_gate.ts';
import { GatedRig } from '../fixtures/gated_rig.ts';
import { until } from './rig.ts';
import { randomFile } from './trees.ts';

/*
 * Injects one kind of trouble after the other into a copy between a real daemon and a real agent, and looks at what the
 * job is said to suffer from. CAUSES=all: all kinds, which needs a machine that has nothing else to do.
 */

const MIB = 1024 * 1024;
const SIZE = 64 * MIB;
const SMALL_DISK_BYTES = 96 * MIB;
/** What is left of it once it fills up: less than the copy still needs, and more than it writes in some seconds. */
const LEFT_BYTES = 16 * MIB;
const POLL_MS = 100;
/** The cause is named within 10 s of its onset; of a stall, which takes 10 s to be one, at the next look. */
const WITHIN_MS = 10_000;
/** Everybody else on a loaded machine is late too. */
const LOAD_MS = 5_000;

/** What is done to the copy. */
interface Trouble {
  readonly direction: 'in' | 'out';
  /** Before the copy begins: it goes on evenly, or is slow already. */
  readonly orders: GateOrders;
  readonly direct?: boolean;
  readonly limitBytesPerSecond?: number;
  readonly prepare?: (gated: GatedRig) => void;
  /** Once the copy is under way. */
  readonly strike?: (gated: GatedRig) => void;
  readonly heal?: (gated: GatedRig) => void;
}

interface Kind extends Trouble {
  readonly name: string;
  readonly id: CauseId;
  /** What may be said before 10 s without a move make it sure. */
  readonly before?: readonly CauseId[];
  readonly at: readonly [stage: string, side: string];
  readonly seen: RegExp;
  /** Also looked at where the machine has much else to do, which makes other stages slow too. */
  readonly always?: boolean;
}

const EVENLY: GateOrders = { write: 400 };

const ALL = process.env['CAUSES'] === 'all';

/** What is true besides, and may be said before 10 s without a move, where other work has the processors. */
const LOADED: readonly CauseId[] = ALL ? [] : ['cpu-full', 'cpu-contended'];

function iptables(action: '-I' | '-D', port: number): void {
  for (const way of ['--dport', '--sport'])
    execFileSync('iptables', [action, 'INPUT', '-i', 'lo', '-p', 'tcp', way, String(port), '-j', 'DROP']);
}

const smallDisk = (gated: GatedRig) => join(gated.rig.guestFiles, 'small');

const KINDS: readonly Kind[] = [
  {
    name: 'the disk of the source is slow',
    direction: 'out',
    orders: { read: 400 },
    id: 'source-slow',
    at: ['sourceRead', 'guest'],
    seen: /source read busy \d+ % of the last/,
  },
  {
    name: 'the disk of the source is frozen',
    direction: 'out',
    orders: { read: 400 },
    strike: (gated) => gated.order({ read: 'frozen' }),
    heal: (gated) => gated.order({}),
    id: 'source-frozen',
    before: ['source-slow'],
    at: ['sourceRead', 'guest'],
    seen: /no byte for 1\d/,
  },
  {
    name: 'the hash takes longest',
    direction: 'in',
    orders: { hashMs: 3_000 },
    id: 'hash-bound',
    at: ['hash', 'guest'],
    seen: /hash busy \d+ %/,
  },
  {
    name: 'encryption takes longest',
    direction: 'out',
    orders: { encryptMs: 800 },
    id: 'encrypt-bound',
    at: ['link', 'guest'],
    seen: /main thread busy \d+ %/,
  },
  {
    name: 'the link is cut',
    direction: 'in',
    orders: EVENLY,
    strike: ({ proxy }) => {
      proxy.refusing = true;
    },
    heal: ({ proxy }) => {
      proxy.refusing = false;
    },
    id: 'link-cut',
    at: ['link', 'host'],
    seen: /nothing was heard for/,
    always: true,
  },
  {
    name: 'the link is slow',
    direction: 'in',
    orders: {},
    prepare: ({ proxy }) => {
      proxy.rateBytesPerSecond = 256 * 1024;
    },
    heal: ({ proxy }) => {
      proxy.rateBytesPerSecond = null;
    },
    id: 'link-slow',
    at: ['link', 'host'],
    seen: /link busy \d+ %/,
  },
  {
    name: 'the copy has a limit',
    direction: 'in',
    orders: {},
    limitBytesPerSecond: 128 * 1024,
    id: 'rate-limit',
    at: ['link', 'host'],
    seen: /waits for the limit \d+ %/,
  },
  {
    name: 'the disk of the receiver fills up',
    direction: 'in',
    orders: EVENLY,
    prepare: (gated) => {
      mkdirSync(smallDisk(gated));
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK_BYTES}`, 'tmpfs', smallDisk(gated)]);
    },
    strike: (gated) => {
      const { bavail, bsize } = statfsSync(smallDisk(gated));
      randomFile(join(smallDisk(gated), 'other'), bavail * bsize - LEFT_BYTES);
    },
    id: 'disk-filling',
    before: ['destination-slow'], // free space is looked at once a second: until then the copy is what it was
    at: ['destinationWrite', 'guest'],
    seen: /free where the copy goes/,
    always: true,
  },
  {
    name: 'the disk of the receiver is slow',
    direction: 'in',
    orders: { write: 2_000 },
    id: 'destination-slow',
    at: ['destinationWrite', 'guest'],
    seen: /destination write busy \d+ %/,
  },
  {
    name: 'the disk of the receiver is frozen',
    direction: 'in',
    orders: EVENLY,
    strike: (gated) => gated.order({ write: 'frozen' }),
    heal: (gated) => gated.order({}),
    id: 'destination-frozen',
    before: ['destination-slow', 'flush-slow', 'publish-slow'],
    at: ['destinationWrite', 'guest'],
    seen: /no byte for 1\d/,
    always: true,
  },
  {
    name: 'the receiver is slow to flush',
    direction: 'in',
    orders: { fileFlush: 8_000 },
    id: 'flush-slow',
    at: ['destinationFlush', 'guest'],
    seen: /destination flush busy \d+ %/,
  },
  {
    name: 'the process of the agent is stopped',
    direction: 'in',
    orders: EVENLY,
    strike: ({ rig }) => void rig.agent.child.kill('SIGSTOP'),
    heal: ({ rig }) => void rig.agent.child.kill('SIGCONT'),
    id: 'peer-stopped',
    at: ['link', 'host'],
    seen: /accepted and not answered/,
  },
  {
    name: 'the agent is gone',
    direction: 'in',
    orders: EVENLY,
    direct: true,
    strike: ({ rig }) => void rig.agent.child.kill('SIGKILL'),
    id: 'agent-down',
    at: ['link', 'host'],
    seen: /refuses the connection/,
    always: true,
  },
  {
    name: 'the machine stands still with its network',
    direction: 'in',
    orders: EVENLY,
    direct: true,
    strike: ({ rig, agentPort }) => {
      rig.agent.child.kill('SIGSTOP');
      iptables('-I', agentPort);
    },
    heal: ({ rig, agentPort }) => {
      iptables('-D', agentPort);
      rig.agent.child.kill('SIGCONT');
    },
    id: 'link-cut',
    at: ['link', 'host'],
    seen: /nothing of the machine answers/,
  },
];

test('the cause of each kind of trouble is the first answer, with what was seen and one thing to do', {
  timeout: 900_000,
  concurrency: 3,
}, async (t) => {
  await Promise.all(
    KINDS.filter(({ always }) => always || ALL).map((kind) =>
      t.test(kind.name, { timeout: 120_000 }, (part) => explained(part, kind)),
    ),
  );
});

const early = ({ before = [] }: Kind) => [...before, ...LOADED];

interface Answer {
  readonly afterMs: number;
  readonly job: JobView;
}

async function explained(t: TestContext, kind: Kind): Promise<void> {
  await using gated = await GatedRig.start({ direct: kind.direct ?? false });
  const { rig } = gated;
  const inward = kind.direction === 'in';
  const source = join(inward ? rig.hostFiles : rig.guestFiles, 'source');
  randomFile(source, SIZE);
  kind.prepare?.(gated);
  try {
    gated.order(kind.orders);
    const guestTarget = kind.id === 'disk-filling' ? smallDisk(gated) : rig.guestFiles;
    const more = kind.limitBytesPerSecond ? { limitBytesPerSecond: kind.limitBytesPerSecond } : {};
    const job = await rig.startJob(
      kind.direction,
      source,
      join(inward ? guestTarget : rig.hostFiles, 'target'),
      more,
    );
    let before: string | undefined;
    if (kind.strike) {
      await until('the copy is under way', 60_000, async () => {
        const view = await rig.job(job.id);
        before = view.explanation?.id;
        return view.durableBytes > 0 && view.explanation ? true : null;
      });
      kind.strike(gated);
    }
    const { first, sure } = await answers(rig, job, kind, before);
    t.diagnostic(
      `first ${first.job.explanation!.id} after ${(first.afterMs / 1_000).toFixed(1)} s; ${sure.job.explanation!.cause} [${sure.job.explanation!.evidence}] → ${sure.job.explanation!.fix}`,
    );
    const { id, stage, side, evidence, fix } = sure.job.explanation!;
    assert.ok([kind.id, ...early(kind)].includes(first.job.explanation!.id as CauseId));
    assert.deepEqual([id, stage, side], [kind.id, ...kind.at]);
    assert.match(evidence, kind.seen);
    assert.ok(fix.length > 0);
    const lateMs = sure.job.stall === null ? sure.afterMs : sure.job.stall.forMs;
    assert.ok(lateMs <= WITHIN_MS + LOAD_MS, `told after ${lateMs} ms`);
    const shown = await rig.cli('jobs', 'show', job.id);
    assert.match(shown.out, /because {2,}\S.*\nseen {2,}\S.*\nto do {2,}\S/);
  } finally {
    kind.heal?.(gated);
    await rig.agent.kill();
    if (kind.id === 'disk-filling') execFileSync('umount', ['-l', smallDisk(gated)]);
  }
}

/** The first answer after the trouble came that differs from what was told before, and the first that is sure. */
async function answers(
  rig: GatedRig['rig'],
  job: JobView,
  kind: Kind,
  before: string | undefined,
): Promise<{ readonly first: Answer; readonly sure: Answer }> {
  const sinceMs = performance.now();
  let first: Answer | null = null;
  while (performance.now() - sinceMs < 4 * WITHIN_MS) {
    const view = await rig.job(job.id);
    const afterMs = performance.now() - sinceMs;
    const id = view.explanation?.id;
    if (id !== undefined && (first !== null || id !== before)) first ??= { afterMs, job: view };
    if (first !== null && id === kind.id) return { first, sure: { afterMs, job: view } };
    if (first !== null && !early(kind).includes(id as CauseId) && id !== undefined)
      throw assertionOf(kind, view);
    if (view.endedAtMs !== null) throw new Error(`the copy ended as ${view.state} without an answer`);
    await wait(POLL_MS);
  }
  throw new Error(`no answer, the last was ${(await rig.job(job.id)).explanation?.id}`);
}

function assertionOf(kind: Kind, { explanation }: JobView): assert.AssertionError {
  return new assert.AssertionError({
    message: `${explanation?.cause} [${explanation?.evidence}]`,
    actual: explanation?.id,
    expected: kind.id,
    operator: 'equal',
  });
}
