import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createNodeCryptography } from '../../world/node/cryptography.ts';
import { createNodeRandom } from '../../world/node/random.ts';
import { derivedSecret, isSameSecret, issueSecret, readSecret } from './bearer_secret.ts';

const random = createNodeRandom();
const crypto = createNodeCryptography();

describe('a bearer secret', () => {
  it('is recognised by its text and stored as a hash only', () => {
    const issued = issueSecret(random, 'cwt');
    assert.match(issued.text, /^cwt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    assert.match(issued.hash, /^[0-9a-f]{64}$/);
    const shown = readSecret('cwt', issued.text)!;
    assert.deepEqual(shown, { id: issued.id, hash: issued.hash });
    assert.ok(isSameSecret(crypto, shown, issued));
  });

  it('differs from one with the same id and another secret', () => {
    const issued = issueSecret(random, 'cwt');
    const other = issueSecret(random, 'cwt').text.slice(20);
    const forged = readSecret('cwt', issued.text.slice(0, 20) + other)!;
    assert.equal(forged.id, issued.id);
    assert.ok(!isSameSecret(crypto, forged, issued));
  });

  it('has one kind and one spelling', () => {
    const { text } = issueSecret(random, 'cwt');
    assert.equal(readSecret('cwl', text), null);
    assert.equal(readSecret('cwt', `${text} `), null);
    assert.equal(readSecret('cwt', text.slice(0, -1)), null);
    assert.equal(readSecret('cwt', text.toUpperCase()), null);
    const spellings = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
      .map((last) => text.slice(0, -1) + last)
      .filter((one) => readSecret('cwt', one) !== null);
    assert.equal(spellings.length, 16, '43 characters hold two bits more than the secret');
  });

  it('derives secrets that depend on it and on their label', () => {
    const [one, two] = [issueSecret(random, 'cwl').text, issueSecret(random, 'cwl').text];
    const csrf = derivedSecret(crypto, 'cwl', one, 'csrf');
    assert.match(csrf!, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(derivedSecret(crypto, 'cwl', one, 'csrf'), csrf);
    assert.notEqual(derivedSecret(crypto, 'cwl', two, 'csrf'), csrf);
    assert.notEqual(derivedSecret(crypto, 'cwl', one, 'other'), csrf);
    assert.equal(derivedSecret(crypto, 'cwl', 'nonsense', 'csrf'), null);
  });
});
