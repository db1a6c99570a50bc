import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equalBytes, utf8 } from '../../src/base/bytes.ts';
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  type Cryptography,
  SIGNATURE_SEED_BYTES,
} from '../../src/world/cryptography.ts';

const key = new Uint8Array(AEAD_KEY_BYTES).fill(1);
const nonce = new Uint8Array(AEAD_NONCE_BYTES).fill(2);
const seed = new Uint8Array(SIGNATURE_SEED_BYTES).fill(3);
const cost = { memoryBytes: 8 * 1024, passes: 1, lanes: 1 };
const salt: Uint8Array = new Uint8Array(16).fill(4);

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ 0x10;
  return copy;
}

/** What every implementation of the port keeps. */
export function cryptographySuite(name: string, crypto: Cryptography): void {
  describe(`${name}: sealing`, () => {
    const plain = utf8('a plain text of some length, longer than a block');
    const associated = utf8('associated');
    const { aead } = crypto;

    it('opens what it sealed, and adds a tag only', () => {
      const sealed = aead.seal(key, nonce, plain, associated);
      assert.equal(sealed.byteLength, plain.byteLength + AEAD_TAG_BYTES);
      assert.ok(equalBytes(aead.open(key, nonce, sealed, associated)!, plain));
      assert.ok(
        equalBytes(aead.seal(key, nonce, plain, associated), sealed),
        'the same input, the same output',
      );
      const empty = aead.seal(key, nonce, new Uint8Array(0), associated);
      assert.equal(aead.open(key, nonce, empty, associated)?.byteLength, 0);
    });

    it('opens nothing of which a byte was changed', () => {
      const sealed = aead.seal(key, nonce, plain, associated);
      for (let at = 0; at < sealed.byteLength; at += 1) {
        assert.equal(aead.open(key, nonce, flipped(sealed, at), associated), null, `byte ${at}`);
      }
      assert.equal(aead.open(flipped(key, 5), nonce, sealed, associated), null);
      assert.equal(aead.open(key, flipped(nonce, 5), sealed, associated), null);
      assert.equal(aead.open(key, nonce, sealed, flipped(associated, 0)), null);
      assert.equal(aead.open(key, nonce, sealed.subarray(0, AEAD_TAG_BYTES - 1), associated), null);
      assert.equal(aead.open(key, nonce, sealed.subarray(1), associated), null);
    });

    it('seals the same into memory that is there already', () => {
      const into = new Uint8Array(200);
      const length = aead.sealInto(key, nonce, plain, associated, into);
      assert.deepEqual(into.subarray(0, nonce.byteLength), nonce);
      assert.ok(
        equalBytes(into.subarray(nonce.byteLength, length), aead.seal(key, nonce, plain, associated)),
      );
    });

    it('reveals a damaged text but for the damage', () => {
      const sealed = aead.seal(key, nonce, plain, associated);
      assert.ok(equalBytes(aead.reveal(key, nonce, flipped(sealed, 7)), flipped(plain, 7)));
      assert.equal(aead.reveal(key, nonce, sealed.subarray(0, 3)).byteLength, 0);
    });
  });

  describe(`${name}: signatures, hashes of passwords, codes and comparison`, () => {
    it('verifies its own signatures only', () => {
      const { signatures } = crypto;
      const message = utf8('message');
      const publicKey = signatures.publicKey(seed);
      const signature = signatures.sign(seed, message);
      assert.equal(publicKey.byteLength, 32);
      assert.ok(signatures.verify(publicKey, message, signature));
      assert.ok(!signatures.verify(publicKey, utf8('massage'), signature));
      assert.ok(!signatures.verify(publicKey, message, flipped(signature, 1)));
      assert.ok(!signatures.verify(signatures.publicKey(flipped(seed, 0)), message, signature));
    });

    it('hashes a password by all that it is given', async () => {
      const hash = (text: string, salted = salt, priced = cost) =>
        crypto.argon2id(utf8(text), salted, priced, 24);
      const first = await hash('password');
      assert.equal(first.byteLength, 24);
      assert.ok(equalBytes(await hash('password'), first));
      assert.ok(!equalBytes(await hash('passwore'), first));
      assert.ok(!equalBytes(await hash('password', flipped(salt, 0)), first));
      assert.ok(!equalBytes(await hash('password', salt, { ...cost, passes: 2 }), first));
    });

    it('makes codes by hash, key and message, and compares', () => {
      const code = crypto.hmac('sha256', key, utf8('m'));
      assert.ok(crypto.equal(code, crypto.hmac('sha256', key, utf8('m'))));
      assert.ok(!crypto.equal(code, crypto.hmac('sha1', key, utf8('m'))));
      assert.ok(!crypto.equal(code, crypto.hmac('sha256', flipped(key, 0), utf8('m'))));
      assert.ok(!crypto.equal(code, crypto.hmac('sha256', key, utf8('n'))));
      assert.ok(!crypto.equal(code, code.subarray(1)));
    });
  });
}
