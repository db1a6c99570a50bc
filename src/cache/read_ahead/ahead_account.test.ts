import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AheadAccount } from './ahead_account.ts';
import { LinkMeter } from './link_meter.ts';

describe('the account of what was fetched ahead', () => {
  it('counts each block as used or as wasted, once', () => {
    const account = new AheadAccount(3);
    for (const name of ['a', 'b', 'c', 'a']) account.fetched(name, `file of ${name}`, 10, 'sequence');
    assert.equal(account.used('b'), 'sequence');
    assert.equal(account.used('b'), null);
    account.dropped('file of c');
    for (const name of ['d', 'e', 'f']) account.fetched(name, 'file', 10, 'sequence'); // one more than it watches
    assert.equal(account.used('a'), null);
    const [sums] = account.figures;
    assert.deepEqual(sums, { kind: 'sequence', fetchedBytes: 60, usedBytes: 10, wastedBytes: 20 });
  });
});

describe('how far away a link is', () => {
  it('is told by requests: the shortest answer, and what came while something was under way', () => {
    const link = new LinkMeter();
    let nowMs = 0;
    for (let round = 0; round < 100; round += 1) {
      link.sent(nowMs);
      link.sent(nowMs);
      link.arrived(nowMs, 100_000, nowMs + 12);
      link.arrived(nowMs, 100_000, nowMs + 25);
      nowMs += 1_000; // it is idle in between, which counts for nothing
    }
    assert.equal(link.latencyMs, 12);
    assert.ok(link.bytesPerSecond > 50e6, `${link.bytesPerSecond}`);
  });

  it('forgets a latency that it has not seen for long', () => {
    const link = new LinkMeter();
    for (let round = 0; round < 100; round += 1) {
      link.sent(0);
      link.arrived(0, 1_000, round === 0 ? 1 : 30);
    }
    assert.equal(link.latencyMs, 30);
  });
});
