import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeToken, type PairingToken, parseAddress, parseToken } from './token.ts';

const TOKEN: PairingToken = {
  addresses: ['10.0.0.7:4433', '[fe80::1%eth0]:4433', 'box.lan:9'],
  fingerprint: 'ab'.repeat(32),
  secret: new Uint8Array(16).fill(0x5a),
};

describe('parseToken', () => {
  it('undoes encodeToken, also after a terminal has wrapped the line', () => {
    const text = encodeToken(TOKEN);
    assert.match(text, /^cw1-[A-Za-z0-9_-]+$/);
    assert.deepEqual(parseToken(text), TOKEN);
    assert.deepEqual(parseToken(`  ${text.slice(0, 40)}\n ${text.slice(40)}\r\n`), TOKEN);
  });

  it('refuses a token in which any character is changed, missing or doubled', () => {
    const text = encodeToken(TOKEN);
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === 'A' ? 'B' : 'A';
      for (const bad of [
        text.slice(0, at) + other + text.slice(at + 1),
        text.slice(0, at) + text.slice(at + 1),
        text.slice(0, at + 1) + text.slice(at),
      ]) {
        if (bad === text) continue;
        assert.throws(() => parseToken(bad), { code: 'CW_PAIR_TOKEN_MALFORMED' }, `character ${at}`);
      }
    }
  });

  it('refuses what is no token at all, and never repeats it in the message', () => {
    for (const bad of [
      '',
      'cw1-',
      'cw1-AAAA',
      'hunter2',
      `cw1-${'A'.repeat(9000)}`,
      'cw1-päper',
      'cw2-AAAAAAAAAAAA',
    ]) {
      assert.throws(
        () => parseToken(bad),
        (error: Error) => {
          assert.equal((error as { code?: string }).code, 'CW_PAIR_TOKEN_MALFORMED');
          return bad.length < 5 || !error.message.includes(bad.slice(4));
        },
      );
    }
  });

  it('refuses addresses that are none', () => {
    for (const address of [
      'nowhere',
      'a b:1',
      'host:0',
      'host:70000',
      '[::1',
      ':22',
      'fe80::1:22',
      `${'a'.repeat(300)}:1`,
    ]) {
      assert.throws(
        () => parseToken(encodeToken({ ...TOKEN, addresses: [address] })),
        { code: 'CW_PAIR_TOKEN_MALFORMED' },
        address,
      );
    }
    assert.throws(() => parseToken(encodeToken({ ...TOKEN, addresses: Array(9).fill('a:1') })), {
      code: 'CW_PAIR_TOKEN_MALFORMED',
    });
  });
});

describe('parseAddress', () => {
  it('splits host and port', () => {
    assert.deepEqual(parseAddress('10.0.0.7:4433'), { host: '10.0.0.7', port: 4433 });
    assert.deepEqual(parseAddress('[::1]:22'), { host: '::1', port: 22 });
  });
});
