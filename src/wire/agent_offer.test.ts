import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AgentOffer, compareVersions, decodeAgentOffer, encodeAgentOffer } from './agent_offer.ts';

const OFFER: AgentOffer = {
  buildId: '0.1.0-0123456789abcdef',
  version: '0.1.0',
  sizeBytes: 3_000_000,
  hash: new Uint8Array(32).fill(7),
  platform: 'linux-x64',
  nodeMajor: 26,
  agent: 'ab'.repeat(32),
  allowDowngrade: false,
};

describe('an offer of an agent', () => {
  it('is read as it was written', () => {
    assert.deepEqual(decodeAgentOffer(encodeAgentOffer(OFFER)), OFFER);
  });

  it('is refused where a field would lead out of the folder, or nowhere', () => {
    for (const wrong of [
      { buildId: '../x' },
      { buildId: '' },
      { buildId: 'a/b' },
      { version: '1' },
      { version: '1.2.x' },
      { hash: new Uint8Array(31) },
    ])
      assert.throws(() => decodeAgentOffer(encodeAgentOffer({ ...OFFER, ...wrong })), /CW_WIRE|proper|bytes/);
    for (const sizeBytes of [0, 2 ** 40])
      assert.throws(() => decodeAgentOffer(encodeAgentOffer({ ...OFFER, sizeBytes })), { code: 'CW_LIMIT' });
  });

  it('is ordered by its version, not by its hash', () => {
    assert.ok(compareVersions('0.9.0', '0.10.0') < 0);
    assert.ok(compareVersions('1.0.0-ffff', '0.99.99-0000') > 0);
    assert.equal(compareVersions('0.1.0-aaaa', '0.1.0'), 0);
  });
});
