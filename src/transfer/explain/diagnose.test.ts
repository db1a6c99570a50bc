import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { Stage } from '../../wire/stages.ts';
import { CAUSE_TEXTS, CAUSES, type CauseId } from './causes.ts';
import { diagnose, diagnoseFailure } from './diagnose.ts';
import type { Evidence, SideNow } from './evidence.ts';
import { RULES } from './rules.ts';

const STALL_MS = LIMITS.stallAfterMs.value + 1_000;
const MIB = 1024 * 1024;

type Busy = Partial<Record<Stage, number>>;

function side(name: SideNow['side'], busy: Busy, more: Partial<SideNow> = {}): SideNow {
  const stages = Object.fromEntries(
    Object.entries(busy).map(([stage, share]) => [
      stage,
      { busy: share, starved: 0, blocked: 0, bytesPerSecond: MIB, activeMs: 0 },
    ]),
  );
  return { side: name, lengthMs: 5_000, silentMs: 0, stages, rise: { cpuMs: 0.2 }, last: {}, ...more };
}

const host = (busy: Busy, more: Partial<SideNow> = {}) => side('host', busy, more);
const guest = (busy: Busy, more: Partial<SideNow> = {}) => side('guest', busy, { silentMs: 200, ...more });

const UP = { up: true, downMs: 0, reached: null, error: null, machine: null } as const;

/** A copy to the guest on which nothing in particular weighs. */
const COPY: Evidence = {
  phase: 'copying',
  quietMs: 100,
  source: host({ sourceRead: 0.05, hash: 0.05, link: 0.05 }),
  sink: guest({ receive: 0.05, destinationWrite: 0.05, destinationFlush: 0.02 }),
  localSide: 'host',
  link: UP,
  leftBytes: 100 * MIB,
};

const down = (link: Partial<Evidence['link']>, quietMs = 4_000): Evidence => ({
  ...COPY,
  quietMs,
  link: { ...UP, up: false, downMs: quietMs, error: 'the peer is silent', ...link },
});
const still = (more: Partial<Evidence>): Evidence => ({ ...COPY, quietMs: STALL_MS, ...more });
const hangs = (stage: Stage, name: SideNow['side'], more: Partial<SideNow> = {}): SideNow =>
  side(
    name,
    {},
    {
      stages: { [stage]: { busy: 1, starved: 0, blocked: 0, bytesPerSecond: 0, activeMs: STALL_MS } },
      ...more,
    },
  );
const sending = (more: Partial<SideNow>, sink: Partial<SideNow> = {}): Evidence => ({
  ...COPY,
  source: host({ sourceRead: 0.1, hash: 0.1, link: 0.95 }, more),
  sink: guest({ receive: 0.9, destinationWrite: 0.1 }, sink),
});

interface Case {
  readonly id: CauseId;
  readonly name: string;
  readonly evidence: Evidence;
  readonly at: readonly [stage: Stage, side: SideNow['side']];
  readonly seen: RegExp;
}

const CASES: readonly Case[] = [
  {
    id: 'machine-paused',
    name: 'the hypervisor says that it is paused',
    evidence: down({ machine: 'paused', reached: 'nothing' }),
    at: ['link', 'host'],
    seen: /nothing was heard/,
  },
  {
    id: 'machine-paused',
    name: 'the port is there, nothing answers behind it',
    evidence: down({ reached: 'port' }),
    at: ['link', 'host'],
    seen: /the channel on the host is open/,
  },
  {
    id: 'agent-down',
    name: 'the machine refuses',
    evidence: down({ reached: 'refused' }),
    at: ['link', 'host'],
    seen: /refuses the connection/,
  },
  {
    id: 'peer-stopped',
    name: 'a connection is taken and nobody speaks',
    evidence: down({ reached: 'silent' }, STALL_MS),
    at: ['link', 'host'],
    seen: /accepted and not answered/,
  },
  {
    id: 'link-cut',
    name: 'nothing answers',
    evidence: down({ reached: 'nothing' }),
    at: ['link', 'host'],
    seen: /nothing of the machine answers/,
  },
  {
    id: 'link-cut',
    name: 'connections are cut',
    evidence: down({ reached: 'cut' }),
    at: ['link', 'host'],
    seen: /cut at once/,
  },
  {
    id: 'memory-pressure',
    name: 'the sink waits for memory',
    evidence: { ...COPY, sink: guest({ destinationWrite: 0.7 }, { rise: { memoryWaitMs: 0.3 } }) },
    at: ['destinationWrite', 'guest'],
    seen: /30 %/,
  },
  {
    id: 'source-frozen',
    name: 'a read hangs',
    evidence: still({ source: hangs('sourceRead', 'host', { last: { stuckThreads: 1 } }) }),
    at: ['sourceRead', 'host'],
    seen: /1 of the threads there waits inside the kernel/,
  },
  ...(['destinationFlush', 'destinationWrite', 'destinationRead', 'verify', 'publish'] as const).map(
    (stage): Case => ({
      id: 'destination-frozen',
      name: `${stage} hangs, the link waits for it`,
      evidence: still({ source: hangs('link', 'host'), sink: hangs(stage, 'guest', { silentMs: 300 }) }),
      at: [stage, 'guest'],
      seen: /no thread there is stuck/,
    }),
  ),
  {
    id: 'peer-silent',
    name: 'the link answers and the copy does not',
    evidence: still({ sink: hangs('destinationWrite', 'guest', { silentMs: STALL_MS }) }),
    at: ['link', 'host'],
    seen: /answers its heartbeats/,
  },
  {
    id: 'link-stuck',
    name: 'all is well but the link',
    evidence: still({ source: hangs('link', 'host') }),
    at: ['link', 'host'],
    seen: /both sides answer/,
  },
  {
    id: 'disk-filling',
    name: 'less free than is left',
    evidence: { ...COPY, sink: guest({ destinationWrite: 0.3 }, { last: { freeBytes: 50 * MIB } }) },
    at: ['destinationWrite', 'guest'],
    seen: /50.0 MiB free .*, 100 MiB left/,
  },
  {
    id: 'rate-limit',
    name: 'the sender waits as it was asked to',
    evidence: { ...COPY, source: host({ link: 0.1 }, { rise: { limitMs: 0.85 } }) },
    at: ['link', 'host'],
    seen: /waits for the limit 85 %/,
  },
  {
    id: 'cpu-contended',
    name: 'hashing gets a part of the processor',
    evidence: {
      ...COPY,
      source: host({ hash: 0.9, link: 0.3 }, { rise: { cpuMs: 0.5, cpuWaitMs: 0.6, mainThreadMs: 0.3 } }),
    },
    at: ['hash', 'host'],
    seen: /the copy got 50 % of the 120 %/,
  },
  {
    id: 'cpu-contended',
    name: 'the thread of the link gets a part of the processor',
    evidence: sending({ rise: { cpuMs: 0.4, cpuWaitMs: 0.6, mainThreadMs: 0.95 } }),
    at: ['link', 'host'],
    seen: /60 % of the last/,
  },
  {
    id: 'cpu-full',
    name: 'threads that write wait for a processor',
    evidence: {
      ...COPY,
      sink: guest({ destinationWrite: 0.9 }, { rise: { queuedMs: 0.7, cpuWaitMs: 0.95, ioWaitMs: 0.02 } }),
    },
    at: ['destinationWrite', 'guest'],
    seen: /waited for a processor 70 % .* disk pressure 2 %/,
  },
  {
    id: 'destination-slow',
    name: 'a slow disk beside other work',
    evidence: {
      ...COPY,
      sink: guest({ destinationWrite: 0.9 }, { rise: { queuedMs: 0.1, cpuWaitMs: 0.95 } }),
    },
    at: ['destinationWrite', 'guest'],
    seen: /destination write busy 90 %/,
  },
  {
    id: 'hash-bound',
    name: 'hashing takes longest',
    evidence: { ...COPY, source: host({ hash: 0.9, sourceRead: 0.3, link: 0.4 }) },
    at: ['hash', 'host'],
    seen: /hash busy 90 %/,
  },
  {
    id: 'compress-bound',
    name: 'compression takes longest',
    evidence: { ...COPY, source: host({ compress: 0.9, sourceRead: 0.3, link: 0.6 }) },
    at: ['compress', 'host'],
    seen: /compress busy 90 %/,
  },
  {
    id: 'decompress-bound',
    name: 'decompression takes longest',
    evidence: { ...COPY, sink: guest({ receive: 0.6, decompress: 0.8, destinationWrite: 0.3 }) },
    at: ['decompress', 'guest'],
    seen: /decompress busy 80 %/,
  },
  {
    id: 'encrypt-bound',
    name: 'the sending thread has no time left',
    evidence: sending({ rise: { mainThreadMs: 0.97, sendMs: 0.6, cpuMs: 1, cpuWaitMs: 0.1 } }),
    at: ['link', 'host'],
    seen: /busy 97 % .* 62 % of it encrypting/,
  },
  {
    id: 'encrypt-bound',
    name: 'the receiving thread has no time left',
    evidence: sending({ rise: { mainThreadMs: 0.4 } }, { rise: { mainThreadMs: 0.93, sendMs: 0.1 } }),
    at: ['link', 'guest'],
    seen: /busy 93 %/,
  },
  ...(
    [
      ['source-slow', 'sourceRead', 'host'],
      ['destination-read-slow', 'destinationRead', 'guest'],
      ['destination-slow', 'destinationWrite', 'guest'],
      ['flush-slow', 'destinationFlush', 'guest'],
      ['verify-slow', 'verify', 'guest'],
      ['publish-slow', 'publish', 'guest'],
    ] as const
  ).map(
    ([id, stage, at]): Case => ({
      id,
      name: `${stage} is busy for longest, and the link waits for it`,
      evidence: {
        ...COPY,
        source: host({ sourceRead: 0.1, link: 0.4, ...(at === 'host' && { [stage]: 0.9 }) }),
        sink: guest({ receive: 0.4, ...(at === 'guest' && { [stage]: 0.9, receive: 0.2 }) }),
      },
      at: [stage, at],
      seen: /busy 90 %/,
    }),
  ),
  {
    id: 'link-lossy',
    name: 'one of twenty segments is sent again',
    evidence: sending({ rise: { sentSegments: 1, resentSegments: 0.05 }, last: { roundTripUs: 20_000 } }),
    at: ['link', 'host'],
    seen: /5 % of the segments .* round trip 20.0 ms/,
  },
  {
    id: 'window-clamped',
    name: 'the transport’s window in a round trip',
    evidence: sending({
      rise: { sentSegments: 1, resentSegments: 0, peerLimitedMs: 0.9 },
      last: { roundTripUs: 60_000, peerWindowBytes: 64 * 1024, sentSegments: 100 },
    }),
    at: ['link', 'host'],
    seen: /window 64.* KiB in a round trip of 60.0 ms/,
  },
  {
    id: 'window-clamped',
    name: 'the session’s own window in a round trip',
    evidence: sending({
      last: { roundTripUs: 1_000_000, windowBytes: MIB, inFlightBytes: MIB, sentSegments: 100 },
    }),
    at: ['link', 'host'],
    seen: /window 1.* MiB in a round trip of 1000.0 ms/,
  },
  {
    id: 'link-slow',
    name: 'nothing but the link waits',
    evidence: sending({ last: { roundTripUs: 600 } }),
    at: ['link', 'host'],
    seen: /link busy 95 %/,
  },
];

for (const { id, name, evidence, at, seen } of CASES)
  test(`${id}: ${name}`, () => {
    const found = diagnose(evidence);
    assert.ok(found);
    assert.equal(found.id, id, found.cause);
    assert.deepEqual([found.stage, found.side], at);
    assert.match(found.evidence, seen);
    for (const text of [found.cause, found.evidence, found.fix])
      assert.doesNotMatch(text, /[{}–]/, 'every figure is filled in');
  });

test('a copy that failed for lack of room says so', () => {
  const found = diagnoseFailure('CW_DISK_FULL', guest({}, { last: { freeBytes: 4096 } }), 7 * MIB);
  assert.deepEqual([found?.id, found?.side], ['disk-full', 'guest']);
  assert.match(found?.evidence ?? '', /4.* KiB free where the copy goes, 7.* MiB left/);
  assert.equal(diagnoseFailure('CW_LINK_CLOSED', guest({}), 0), null);
});

test('every cause has a text and a case, and every rule without which a case has another answer', () => {
  const tried = new Set<string>([...CASES.map(({ id }) => id), 'disk-full']);
  assert.deepEqual(
    [...CAUSES].filter((id) => !tried.has(id)),
    [],
  );
  assert.deepEqual(Object.keys(CAUSE_TEXTS).toSorted(), [...CAUSES].toSorted());
  for (const { id } of RULES) {
    const others = RULES.filter((rule) => rule.id !== id);
    const own = CASES.filter((one) => one.id === id);
    assert.ok(own.length > 0);
    for (const { name, evidence } of own)
      assert.notEqual(diagnose(evidence, others)?.id, id, `${id}: ${name}`);
  }
});

test('something that moved within the limit is slow, never stalled', () => {
  const moved = {
    ...still({ sink: hangs('destinationFlush', 'guest') }),
    quietMs: LIMITS.stallAfterMs.value - 1,
  };
  assert.equal(diagnose(moved)?.kind, 'slow');
  assert.equal(diagnose({ ...moved, quietMs: LIMITS.stallAfterMs.value })?.kind, 'stalled');
});

test('a link that is gone for less than a stall is waited for, and for a blink nothing is said', () => {
  assert.equal(diagnose(down({ reached: 'nothing' }, 1_000)), null);
  assert.equal(diagnose(down({ reached: 'nothing' }, 4_000))?.kind, 'waiting');
  assert.equal(diagnose(down({ reached: 'nothing' }, STALL_MS))?.kind, 'stalled');
  assert.match(diagnose(down({ error: 'nobody is there' }))?.cause ?? '', /nobody is there/);
});

test('how far the first attempt to connect gets is waited for before a cause is named', () => {
  assert.equal(diagnose(down({ reached: null, downMs: 100 }, 3_100)), null);
  assert.equal(diagnose(down({ reached: 'silent', downMs: 100 }, 3_100))?.id, 'peer-stopped');
  assert.equal(diagnose(down({ reached: null, downMs: 2_500 }, 5_500))?.id, 'link-cut');
});

test('nothing is said of the speed before both sides have told enough', () => {
  const evidence = sending({ last: { roundTripUs: 600 } });
  const lately = (more: Partial<SideNow>) => diagnose({ ...evidence, sink: { ...evidence.sink, ...more } });
  assert.equal(lately({ lengthMs: 900 }), null);
  assert.equal(lately({ rise: {}, last: { cpuMs: 5 } }), null);
  assert.equal(
    lately({ rise: {}, last: {} })?.id,
    'link-slow',
    'a side that knows nothing of itself is not waited for',
  );
});

test('a thread full of encrypting is the cause also where it holds up the other stages', () => {
  const rise = { mainThreadMs: 0.95, sendMs: 0.8, cpuMs: 1 };
  const source = (sourceRead: number) => guest({ sourceRead, link: 0.3 }, { rise });
  const sink = host({ receive: 0.6 });
  assert.equal(diagnose({ ...COPY, source: source(0.3), sink })?.id, 'encrypt-bound');
  assert.equal(diagnose({ ...COPY, source: source(0.9), sink })?.id, 'source-slow');
});

test('a thread that does nothing but encrypt is the cause, however busy the reading seems that nobody looks after', () => {
  const rise = { mainThreadMs: 1, sendMs: 0.97, cpuMs: 0.7 };
  const source = guest({ sourceRead: 0.9 }, { rise });
  assert.equal(diagnose({ ...COPY, source, sink: host({}) })?.id, 'encrypt-bound');
});

test('others that wait for a processor are not the cause as long as the threads of the copy get theirs', () => {
  const rise = { cpuMs: 0.05, cpuWaitMs: 0.6, mainThreadMs: 0.04 };
  const hashing = (queuedMs: number) =>
    diagnose({ ...COPY, sink: guest({ hash: 0.95 }, { rise: { ...rise, queuedMs } }) })?.id;
  assert.equal(hashing(0.03), 'hash-bound');
  assert.equal(hashing(0.6), 'cpu-contended');
});

test('a disk is not blamed before an operation has told how much of it was hashing', () => {
  const write = { busy: 0.98, starved: 0, blocked: 0, activeMs: 2_900 };
  const at = (lengthMs: number, bytesPerSecond: number) => {
    const stages = { destinationWrite: { ...write, bytesPerSecond } };
    return diagnose({ ...COPY, sink: guest({}, { stages, lengthMs }) })?.id ?? null;
  };
  assert.equal(at(3_100, 0), null);
  assert.equal(at(3_100, 1), 'destination-slow');
  assert.equal(at(5_000, 0), 'destination-slow', 'what has not ended for so long is a disk that hangs');
});

test('segments sent again to a receiver that holds the sender back are no loss', () => {
  const rise = { sentSegments: 0.02, resentSegments: 0.002, peerLimitedMs: 0.7 };
  assert.equal(diagnose(sending({ rise, last: { roundTripUs: 9_700 } }))?.id, 'link-slow');
});

test('a few segments sent again to a receiver that waits are no loss', () => {
  const rise = { sentSegments: 0.005, resentSegments: 0.0003 };
  assert.equal(diagnose(sending({ rise, last: { roundTripUs: 600 } }))?.id, 'link-slow');
});

test('a copy on which nothing weighs has no explanation', () => {
  assert.equal(diagnose(COPY), null);
});

test('a peer that tells seldom because nothing gets through is believed, a little late too', () => {
  const silentMs = LIMITS.progressIntervalMs.value + LIMITS.progressSlowIntervalMs.value + 2_000;
  const activeMs = STALL_MS - silentMs;
  const source = side(
    'guest',
    {},
    {
      silentMs,
      stages: { sourceRead: { busy: 1, starved: 0, blocked: 0, bytesPerSecond: 0, activeMs } },
    },
  );
  const found = diagnose(still({ source, sink: host({}) }));
  assert.deepEqual([found?.id, found?.side], ['source-frozen', 'guest']);
});

test('what a silent peer said last proves nothing about its disk', () => {
  const found = diagnose(still({ sink: hangs('destinationWrite', 'guest', { silentMs: STALL_MS }) }));
  assert.equal(found?.stage, 'link');
  assert.match(found?.cause ?? '', /said nothing/);
});

test('the silence of one side is not blamed on the link between them', () => {
  const source = side('guest', { sourceRead: 0.9 }, { silentMs: 60_000 });
  const waiting = { ...COPY, source, sink: host({ receive: 1 }) };
  assert.equal(diagnose(waiting), null);
});
