import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromHex, utf8 } from '../../base/bytes.ts';
import { createNodeCryptography } from '../../world/node/cryptography.ts';
import { createNodeRandom } from '../../world/node/random.ts';
import { toBase32 } from './base32.ts';
import { otpauthUri, qrForTerminal, qrSvg } from './enrolment.ts';
import { hashRecoveryCode, makeRecoveryCodes } from './recovery_codes.ts';
import { acceptedStep, hotp, totpStep } from './totp.ts';

const crypto = createNodeCryptography();
const random = createNodeRandom();
const secret = utf8('12345678901234567890');
const NEVER_USED = -1;

describe('one-time codes', () => {
  it('are those of RFC 4226 appendix D', () => {
    const codes = Array.from({ length: 10 }, (_, counter) => hotp(crypto, secret, counter));
    const expected = '755224 287082 359152 969429 338314 254676 287922 162583 399871 520489';
    assert.deepEqual(codes, expected.split(' '));
  });

  it('are those of RFC 6238 appendix B', () => {
    const seeds = {
      sha1: secret,
      sha256: utf8('12345678901234567890123456789012'),
      sha512: utf8('1234567890123456789012345678901234567890123456789012345678901234'),
    };
    const table: [number, string, string, string][] = [
      [59, '94287082', '46119246', '90693936'],
      [1111111109, '07081804', '68084774', '25091201'],
      [1111111111, '14050471', '67062674', '99943326'],
      [1234567890, '89005924', '91819424', '93441116'],
      [2000000000, '69279037', '90698825', '38618901'],
      [20000000000, '65353130', '77737706', '47863826'],
    ];
    for (const [seconds, ...expected] of table) {
      const step = totpStep(seconds * 1_000);
      const codes = (['sha1', 'sha256', 'sha512'] as const).map((hash) =>
        hotp(crypto, seeds[hash], step, 8, hash),
      );
      assert.deepEqual(codes, expected, `at ${seconds} s`);
    }
  });

  it('are accepted one step early and one step late, and no further', () => {
    const nowMs = 1_111_111_111_000;
    const now = totpStep(nowMs);
    const accepted = [-2, -1, 0, 1, 2].map((offset) =>
      acceptedStep(crypto, secret, hotp(crypto, secret, now + offset), nowMs, NEVER_USED),
    );
    assert.deepEqual(accepted, [null, now - 1, now, now + 1, null]);
  });

  it('are refused once their step or a later one was used', () => {
    const nowMs = 1_111_111_111_000;
    const now = totpStep(nowMs);
    const at = (offset: number, lastStep: number): number | null =>
      acceptedStep(crypto, secret, hotp(crypto, secret, now + offset), nowMs, lastStep);
    assert.equal(at(0, now - 1), now);
    assert.equal(at(0, now), null);
    assert.equal(at(-1, now), null);
    assert.equal(at(1, now), now + 1);
  });

  it('are read with blanks and hyphens, and not in another length', () => {
    const nowMs = 59_000;
    const typed = (code: string): number | null => acceptedStep(crypto, secret, code, nowMs, NEVER_USED);
    assert.equal(hotp(crypto, secret, 1), '287082');
    for (const good of ['287082', ' 287 082', '287-082']) assert.equal(typed(good), 1, good);
    for (const bad of ['', '28708', '2870820', '28708x', '２８７０８２']) assert.equal(typed(bad), null, bad);
  });

  it('are accepted at the first moment of time', () => {
    assert.equal(acceptedStep(crypto, secret, hotp(crypto, secret, 0), 0, NEVER_USED), 0);
  });
});

describe('base32', () => {
  it('gives what RFC 4648 section 10 says, without padding', () => {
    const table = {
      f: 'MY',
      fo: 'MZXQ',
      foo: 'MZXW6',
      foob: 'MZXW6YQ',
      fooba: 'MZXW6YTB',
      foobar: 'MZXW6YTBOI',
    };
    for (const [text, expected] of Object.entries(table)) assert.equal(toBase32(utf8(text)), expected);
    assert.equal(toBase32(fromHex('')), '');
    assert.equal(toBase32(fromHex('ffffffffff')), '77777777');
  });
});

describe('enrolment', () => {
  it('names issuer and account in the URI', () => {
    const uri = new URL(otpauthUri('Causeway host1', 'ann@example.org', secret));
    assert.equal(uri.protocol, 'otpauth:');
    assert.equal(decodeURIComponent(uri.pathname), '/Causeway host1:ann@example.org');
    assert.equal(uri.searchParams.get('secret'), 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
    assert.equal(uri.searchParams.get('issuer'), 'Causeway host1');
    assert.equal(uri.searchParams.get('digits'), '6');
    assert.equal(uri.searchParams.get('period'), '30');
  });

  it('draws the same modules for terminal and browser', () => {
    const uri = otpauthUri('Causeway', 'ann', secret);
    const lines = qrForTerminal(uri)
      .split('\n')
      .map((line) => line.replace(/\u001b\[[0-9;]*m/g, ''));
    const size = lines[0]?.length ?? 0;
    assert.ok(lines.every((line) => line.length === size && /^[ ▀▄█]+$/.test(line)));
    assert.equal(lines.length, Math.ceil(size / 2));
    const drawn = [...lines.join('')].reduce(
      (sum, block) => sum + (block === '█' ? 2 : block === ' ' ? 0 : 1),
      0,
    );
    const svg = qrSvg(uri);
    assert.equal(svg.match(/M\d+,\d+h10v10h-10z/g)?.length, drawn, 'one square for each dark module');
    assert.ok(!svg.includes('<script'));
  });
});

describe('recovery codes', () => {
  it('are many, different, and belong to one user', () => {
    const codes = makeRecoveryCodes(random);
    assert.equal(new Set(codes).size, 10);
    for (const code of codes) assert.match(code, /^([A-Z2-7]{4}-){3}[A-Z2-7]{4}$/);
    const [code] = codes as [string];
    const hash = hashRecoveryCode('u1', code);
    assert.match(hash!, /^[0-9a-f]{64}$/);
    assert.equal(hashRecoveryCode('u1', code.toLowerCase().replaceAll('-', ' ')), hash);
    assert.notEqual(hashRecoveryCode('u2', code), hash);
    for (const bad of ['', '123456', `${code}A`]) assert.equal(hashRecoveryCode('u1', bad), null);
  });
});
