import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromHex, toHex, utf8 } from '../../src/base/bytes.ts';
import { createNodeCryptography } from '../../src/world/node/cryptography.ts';
import { createSimCryptography } from '../../src/world/sim/cryptography.ts';
import { cryptographySuite } from './cryptography.suite.ts';

const node = createNodeCryptography();
cryptographySuite('world/node', node);
cryptographySuite('world/sim', createSimCryptography());

describe('world/node: published vectors', () => {
  it('HMAC-SHA-256, RFC 4231 case 2', () => {
    const code = node.hmac('sha256', utf8('Jefe'), utf8('what do ya want for nothing?'));
    assert.equal(toHex(code), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  });

  it('AES-256-GCM, test case 16 of McGrew and Viega', () => {
    const key = fromHex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308');
    const plain = fromHex(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
        '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    );
    const associated = fromHex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
    const sealed = node.aead.seal(key, fromHex('cafebabefacedbaddecaf888'), plain, associated);
    assert.equal(
      toHex(sealed),
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
        '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
    );
  });

  it('Ed25519, RFC 8032 section 7.1 test 2', () => {
    const seed = fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
    const publicKey = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
    const signature =
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00';
    assert.equal(toHex(node.signatures.publicKey(seed)), publicKey);
    assert.equal(toHex(node.signatures.sign(seed, fromHex('72'))), signature);
  });

  it('Argon2id, as the reference implementation gives it', async () => {
    // argon2 password "password", salt "somesalt", t=2, m=65536, p=1 (phc-winner-argon2, test.c)
    const cost = { memoryBytes: 64 * 1024 * 1024, passes: 2, lanes: 1 };
    const hash = await node.argon2id(utf8('password'), utf8('somesalt'), cost, 32);
    assert.equal(toHex(hash), '09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7');
  });
});
