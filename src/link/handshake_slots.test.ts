import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { HandshakeSlots } from './handshake_slots.ts';

const MAX = LIMITS.unauthenticatedMax.value;

function flood(slots: HandshakeSlots, evicted: string[], host: string, count: number): void {
  for (let port = 1; port <= count; port += 1) {
    const description = `tcp ${host}:${port}`;
    slots.enter(description, () => evicted.push(description));
  }
}

describe('HandshakeSlots', () => {
  it('never holds more than the limit and lets a newcomer in at once, at the cost of the oldest', () => {
    const slots = new HandshakeSlots();
    const evicted: string[] = [];
    flood(slots, evicted, '10.0.0.1', MAX + 2);
    assert.equal(slots.size, MAX);
    assert.deepEqual(evicted, ['tcp 10.0.0.1:1', 'tcp 10.0.0.1:2']);
  });

  it('takes the place from the address that has the most', () => {
    const slots = new HandshakeSlots();
    const evicted: string[] = [];
    flood(slots, evicted, '10.0.0.2', 2);
    flood(slots, evicted, 'attacker', 1000);
    assert.equal(evicted.length, 1000 - (MAX - 2));
    assert.ok(evicted.every((description) => description.startsWith('tcp attacker:')));
  });

  it('frees a place once', () => {
    const slots = new HandshakeSlots();
    const leave = slots.enter('tcp a:1', () => assert.fail('nobody needs the place'));
    leave();
    leave();
    assert.equal(slots.size, 0);
  });
});
