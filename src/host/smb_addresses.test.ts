import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { SmbAddresses } from './smb_addresses.ts';

test('the address of a client is remembered when its process has ended, and another one of that number tells its own', () => {
  const clients = new Map<number, string>([[7, '192.0.2.7']]);
  const addresses = new SmbAddresses((processId) => clients.get(processId) ?? null);
  assert.equal(addresses.of(7), 'smb:192.0.2.7');
  clients.delete(7);
  assert.equal(addresses.of(7), 'smb:192.0.2.7');
  clients.set(7, '2001:db8::1');
  assert.equal(addresses.of(7), 'smb:2001:db8::1');
  assert.equal(addresses.of(8), 'smb');
  clients.delete(7);
  for (let other = 100; other < 100 + LIMITS.smbClientsKnownMax.value; other += 1) {
    clients.set(other, '192.0.2.1');
    addresses.of(other);
  }
  assert.equal(addresses.of(7), 'smb', 'only so many are kept');
});
