import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createNodeIdentities } from './identities.ts';

const identities = createNodeIdentities();

test('an identity is a self-signed Ed25519 certificate with its key', async () => {
  const identity = await identities.create('box-7 "größe"');
  const certificate = new X509Certificate(identity.certificatePem);
  assert.equal(certificate.publicKey.asymmetricKeyType, 'ed25519');
  assert.ok(certificate.verify(certificate.publicKey), 'signed with its own key');
  assert.ok(certificate.checkPrivateKey(createPrivateKey(identity.privateKeyPem)));
  assert.equal(identity.fingerprint, certificate.fingerprint256.replaceAll(':', '').toLowerCase());
  assert.equal(certificate.toLegacyObject().subject.CN, 'box-7 "größe"');
  const years = (certificate.validToDate.getTime() - Date.now()) / (365.25 * 86_400_000);
  assert.ok(years > 20);
  assert.ok(certificate.validFromDate.getTime() < Date.now());
});

test('two identities share nothing, and a long name is cut', async () => {
  const [a, b] = await Promise.all([identities.create('x'.repeat(200)), identities.create('')]);
  assert.notEqual(a.fingerprint, b.fingerprint);
  assert.equal(new X509Certificate(a.certificatePem).toLegacyObject().subject.CN, 'x'.repeat(64));
  assert.notEqual(
    new X509Certificate(a.certificatePem).serialNumber,
    new X509Certificate(b.certificatePem).serialNumber,
  );
});

test('hmac is HMAC-SHA-256 (RFC 4231, test case 2)', () => {
  const mac = identities.hmac(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'));
  assert.equal(
    Buffer.from(mac).toString('hex'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});
