import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseRelPath, type RelPath } from '../base/path.ts';
import type { LeaseGate } from '../share/fuse/lease_desk.ts';
import { MemoryTree } from '../tree/files/memory_tree.ts';
import { QuotaLedger } from '../tree/files/quota_ledger.ts';
import { shareTree } from './share_tree.ts';

it('who waits for a lease does not keep others from the account of the share', async () => {
  const folder = new MemoryTree({ wallMs: () => 1 });
  await (await folder.open(parseRelPath('a'), 'create')).close();
  const ledger = new QuotaLedger(1_000, 0);
  let waits = Promise.withResolvers<void>();
  let letGo = Promise.withResolvers<void>();
  const leases: LeaseGate = {
    isIdle: false,
    enter: async () => {
      waits.resolve();
      await letGo.promise;
      return () => undefined;
    },
  };
  const statOf = async (path: RelPath) => ({
    ...(await folder.lookup(path)),
    special: null,
    deviceId: '0',
    inode: 'memory',
  });
  const tree = shareTree(folder, { ledger, maker: null, leases, statOf });
  for (const change of [
    async () => {
      const file = await tree.open(parseRelPath('a'), 'replace');
      await file.write(new Uint8Array(10), 0);
      await file.publish();
      await file.close();
    },
    () => tree.remove(parseRelPath('a')),
  ]) {
    waits = Promise.withResolvers<void>();
    letGo = Promise.withResolvers<void>();
    const changing = change();
    await waits.promise;
    await ledger.inTurn(async () => undefined); // what a mount writes before it lets go
    letGo.resolve();
    await changing;
  }
  assert.equal(ledger.usedBytes, 0);
});
