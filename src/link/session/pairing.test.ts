import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../test/link/manual_clock.ts';
import { fromHex, toHex } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseToken } from '../../wire/token.ts';
import { createNodeIdentities } from '../../world/node/identities.ts';
import { createNodeRandom } from '../../world/node/random.ts';
import { PairingTokens } from './pairing.ts';
import { equalConstantTime, pairingProof } from './pairing_proof.ts';

const ACCEPTOR = 'aa'.repeat(32);
const DIALER = 'dd'.repeat(32);
const ENDS = { dialer: DIALER, acceptor: ACCEPTOR };
const ISSUE = { name: 'dev', addresses: ['10.0.0.7:4433'], fingerprint: ACCEPTOR };

function fresh() {
  const clock = new ManualClock();
  const world = { clock, random: createNodeRandom(), identities: createNodeIdentities() };
  const saved: string[] = [];
  const tokens = new PairingTokens(world, async (state) => void saved.push(state));
  const proofOf = (text: string, ends = ENDS) =>
    pairingProof(world.identities, parseToken(text).secret, ends);
  return { clock, world, tokens, saved, proofOf };
}

const nothing = async () => undefined;

describe('pairingProof', () => {
  it('is HMAC-SHA-256 of label and fingerprints', () => {
    // printf 'causeway-pair-v1' + 32×dd + 32×aa | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102030405060708090a0b0c0d0e0f
    const secret = fromHex('000102030405060708090a0b0c0d0e0f');
    const proof = toHex(pairingProof(createNodeIdentities(), secret, ENDS));
    assert.equal(proof, '64ecfd16cc0fa0a9f35be2da0db131b7d363fa2a76fc846434d728841e1a33cf');
  });

  it('is another one for another key at either end', () => {
    const { world } = fresh();
    const secret = new Uint8Array(16);
    const proofs = [
      ENDS,
      { dialer: ACCEPTOR, acceptor: DIALER },
      { ...ENDS, dialer: 'de'.repeat(32) },
      { ...ENDS, acceptor: 'ab'.repeat(32) },
    ].map((ends) => toHex(pairingProof(world.identities, secret, ends)));
    assert.equal(new Set(proofs).size, 4);
  });
});

describe('equalConstantTime', () => {
  it('compares', () => {
    assert.equal(equalConstantTime(fromHex('0102'), fromHex('0102')), true);
    assert.equal(equalConstantTime(fromHex('0102'), fromHex('0103')), false);
    assert.equal(equalConstantTime(fromHex('8102'), fromHex('0102')), false);
    assert.equal(equalConstantTime(fromHex('01'), fromHex('0102')), false);
  });
});

describe('PairingTokens', () => {
  it('lets a token in once', async () => {
    const { tokens, proofOf } = fresh();
    const { text, info } = await tokens.issue(ISSUE);
    assert.deepEqual(tokens.list(), [info]);
    const pinned: (string | null)[] = [];
    await tokens.redeem(proofOf(text), ENDS, async (token) => void pinned.push(token.name));
    assert.deepEqual(pinned, ['dev']);
    assert.deepEqual(tokens.list(), []);
    await assert.rejects(tokens.redeem(proofOf(text), ENDS, nothing), { code: 'CW_PAIR_TOKEN_USED' });
  });

  it('lets one of two simultaneous redemptions in', async () => {
    const { tokens, proofOf } = fresh();
    const { text } = await tokens.issue(ISSUE);
    const other = { ...ENDS, dialer: 'ee'.repeat(32) };
    const outcomes = await Promise.allSettled([
      tokens.redeem(proofOf(text), ENDS, nothing),
      tokens.redeem(proofOf(text, other), other, nothing),
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['fulfilled', 'rejected'],
    );
  });

  it('refuses a proof that was overheard and is replayed by another key, and leaves the token unused', async () => {
    const { tokens, proofOf } = fresh();
    const { text } = await tokens.issue(ISSUE);
    const thief = { ...ENDS, dialer: 'ee'.repeat(32) };
    await assert.rejects(tokens.redeem(proofOf(text), thief, nothing), { code: 'CW_PAIR_TOKEN_WRONG' });
    await tokens.redeem(proofOf(text), ENDS, nothing);
  });

  it('refuses an unknown secret, a revoked and an expired token, each with its code', async () => {
    const { tokens, clock, proofOf } = fresh();
    const foreign = await fresh().tokens.issue(ISSUE);
    await assert.rejects(tokens.redeem(proofOf(foreign.text), ENDS, nothing), {
      code: 'CW_PAIR_TOKEN_WRONG',
    });
    const revoked = await tokens.issue(ISSUE);
    assert.equal(await tokens.revoke(revoked.info.id), true);
    assert.equal(await tokens.revoke(revoked.info.id), false);
    await assert.rejects(tokens.redeem(proofOf(revoked.text), ENDS, nothing), {
      code: 'CW_PAIR_TOKEN_WRONG',
    });
    const late = await tokens.issue(ISSUE);
    await clock.advance(LIMITS.pairTokenTtlMs.value);
    assert.deepEqual(tokens.list(), []);
    await assert.rejects(tokens.redeem(proofOf(late.text), ENDS, nothing), { code: 'CW_PAIR_TOKEN_EXPIRED' });
  });

  it('gives the token back where the peer could not be pinned', async () => {
    const { tokens, proofOf } = fresh();
    const { text, info } = await tokens.issue(ISSUE);
    const full = new Error('disk full');
    await assert.rejects(
      tokens.redeem(proofOf(text), ENDS, () => Promise.reject(full)),
      full,
    );
    assert.deepEqual(tokens.list(), [info]);
    await tokens.redeem(proofOf(text), ENDS, nothing);
  });

  it('has stored a token as used before the peer is pinned', async () => {
    const { tokens, world, saved, proofOf } = fresh();
    const { text } = await tokens.issue(ISSUE);
    let atPinning = '';
    await tokens.redeem(proofOf(text), ENDS, async () => {
      atPinning = saved.at(-1) as string;
    });
    const restarted = new PairingTokens(world);
    restarted.restore(atPinning);
    await assert.rejects(restarted.redeem(proofOf(text), ENDS, nothing), { code: 'CW_PAIR_TOKEN_USED' });
  });

  it('bounds the tokens that are open and those that are remembered', async () => {
    const { tokens, clock } = fresh();
    for (let i = 0; i < LIMITS.pairTokensMax.value; i += 1) await tokens.issue(ISSUE);
    await assert.rejects(tokens.issue(ISSUE), { code: 'CW_LIMIT' });
    for (let round = 0; round < 4; round += 1) {
      await clock.advance(LIMITS.pairTokenTtlMs.value);
      for (let i = 0; i < LIMITS.pairTokensMax.value; i += 1) await tokens.issue(ISSUE);
    }
    const stored = JSON.parse(tokens.serialize()).tokens.length;
    assert.ok(
      stored <= LIMITS.pairTokensMax.value + LIMITS.pairTokensRememberedMax.value,
      `${stored} are kept`,
    );
  });

  it('refuses a damaged state', () => {
    const { tokens } = fresh();
    const whole = {
      id: 'x',
      name: null,
      issuedAtMs: 1,
      expiresAtMs: 2,
      usedAtMs: null,
      secret: '00'.repeat(16),
    };
    const broken = [
      '',
      '{}',
      '[]',
      '{"tokens":[1]}',
      JSON.stringify({ tokens: [{ ...whole, secret: '00' }] }),
    ];
    for (const state of broken)
      assert.throws(() => tokens.restore(state), { code: 'CW_DAEMON_STATE' }, state);
    tokens.restore(JSON.stringify({ tokens: [whole] }));
  });
});
