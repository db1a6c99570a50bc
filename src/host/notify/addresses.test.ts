import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressRule, webhookUrl } from './addresses.ts';

const usage = { code: 'CW_USAGE' };

describe('the addresses of webhooks', () => {
  it('are neither link-local ones nor those of metadata services, in any spelling', () => {
    const permits = addressRule('https://example.com/', []);
    for (const bad of [
      '169.254.169.254',
      '::ffff:169.254.169.254',
      '::ffff:a9fe:a9fe',
      '64:ff9b::169.254.169.254',
      'fe80::1',
      'febf::1%eth0',
      'fd00:ec2::254',
      '100.100.100.200',
      '0.0.0.0',
      '::',
      'nonsense',
    ])
      assert.equal(permits(bad), false, bad);
    for (const good of ['192.168.1.7', '10.0.0.1', '127.0.0.1', '2001:db8::1', 'fec0::1'])
      assert.equal(permits(good), true, good);
  });

  it('may be those all the same where they are named', () => {
    const permits = addressRule('https://example.com/', ['169.254.7.0/24']);
    assert.equal(permits('169.254.7.9'), true);
    assert.equal(permits('169.254.169.254'), false);
    assert.throws(() => addressRule('https://example.com/', ['169.254.7.9/24']), usage);
  });

  it('are those of this machine only, without TLS', () => {
    const permits = addressRule('http://localhost:8080/', []);
    assert.equal(permits('127.0.0.1'), true);
    assert.equal(permits('192.168.1.7'), false);
    assert.equal(webhookUrl('http://localhost:8080/x'), 'http://localhost:8080/x');
    assert.equal(webhookUrl('http://[::1]:8080/x'), 'http://[::1]:8080/x');
    for (const bad of [
      'http://example.com/',
      'http://127.0.0.1.example.com/',
      'ftp://127.0.0.1/',
      'file:///etc/passwd',
      'https://ann:secret@example.com/',
      'example.com',
      '',
    ])
      assert.throws(() => webhookUrl(bad), usage, bad);
  });
});
