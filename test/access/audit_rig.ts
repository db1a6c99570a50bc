import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditLog, type AuditLogOptions } from '../../src/access/audit/audit_log.ts';
import { itemsOf } from '../../src/access/audit/chain.ts';
import { FRAME_HEAD_BYTES, HEADER_BYTES } from '../../src/access/audit/layout.ts';
import type { LogPlace } from '../../src/access/audit/log_place.ts';
import { openLogPlace } from '../../src/access/audit/log_place.ts';
import type { AuditEntry } from '../../src/access/audit/record.ts';
import { openHeader } from '../../src/access/audit/segment_header.ts';
import { scanSegment } from '../../src/access/audit/segment_scan.ts';
import { type AuditVerification, verifyLog } from '../../src/access/audit/verify.ts';
import { MasterKeys } from '../../src/access/keys/master_keys.ts';
import type { AccessPorts } from '../../src/access/ports.ts';
import type { Clock } from '../../src/world/clock.ts';
import type { Dir } from '../../src/world/disk.ts';
import { createNodeClock } from '../../src/world/node/clock.ts';
import { createNodeCryptography } from '../../src/world/node/cryptography.ts';
import { createNodeDisk } from '../../src/world/node/disk.ts';
import { createNodeRandom } from '../../src/world/node/random.ts';

export interface AuditRig extends AsyncDisposable {
  readonly ports: AccessPorts;
  readonly path: string;
  readonly vault: MasterKeys;
  readonly at: { readonly dir: Dir; readonly dirPath: string };
  open(options?: AuditLogOptions): Promise<AuditLog>;
  /** The log as somebody sees it who finds the files. */
  place(): Promise<LogPlace>;
  verify(): Promise<AuditVerification>;
  /** A directory beside that of the log. */
  folder(name: string): Promise<{ readonly dir: Dir; readonly dirPath: string }>;
}

/** An audit log on the real disk, with real cryptography. */
export async function createAuditRig(clock: Clock = createNodeClock()): Promise<AuditRig> {
  const root = mkdtempSync(join(tmpdir(), 'causeway-audit-'));
  const ports = { clock, random: createNodeRandom(), crypto: createNodeCryptography() };
  const open: Dir[] = [];
  const folder = async (name: string) => {
    const dirPath = join(root, name);
    mkdirSync(dirPath);
    const dir = await createNodeDisk().openRoot(dirPath);
    open.push(dir);
    return { dir, dirPath };
  };
  const keys = await folder('keys');
  const vault = await MasterKeys.open(ports, keys.dir, keys.dirPath, 'linux');
  const at = await folder('audit');
  const place = () => openLogPlace(ports, vault, at);
  return {
    ...{ ports, vault, at, place, folder, path: at.dirPath },
    open: (options) => AuditLog.open(ports, vault, at, options),
    verify: async () => verifyLog(await place(), null),
    [Symbol.asyncDispose]: async () => {
      for (const dir of open) await dir.close();
      rmSync(root, { recursive: true });
    },
  };
}

export function entry(at: number): AuditEntry {
  return {
    actor: { kind: 'user', name: at % 3 === 0 ? 'ann' : 'bob', address: '10.0.0.7' },
    action: at % 2 === 0 ? 'job.start' : 'vm.read',
    resource: `vm:web-${at % 10}:/srv/data/file-${at}`,
    outcome: at % 5 === 0 ? 'refused' : 'started',
    details: { at },
  };
}

/** Appends `count` entries, `together` of them at a time. */
export async function fill(log: AuditLog, count: number, together = 100): Promise<void> {
  for (let at = 0; at < count; at += together) {
    const size = Math.min(together, count - at);
    await Promise.all(Array.from({ length: size }, (_, offset) => log.append(entry(at + offset))));
  }
}

/** A frame of a segment on disk. */
export interface Spot {
  readonly start: number;
  readonly end: number;
  readonly firstSequence: number;
  /** Where each record stands in the file. */
  readonly items: readonly { readonly start: number; readonly end: number }[];
}

/** The frames of a segment file. */
export function spotsOf(place: LogPlace, bytes: Uint8Array): Spot[] {
  const { aead } = place.ports.crypto;
  const header = openHeader(aead, bytes, (fields) => place.keys.unwrap(fields));
  if (header === null) throw new Error('no segment');
  return [...scanSegment(aead, header.dataKey, bytes)].map(({ frame }) => {
    if (frame === null) throw new Error('a damaged segment');
    const textAt = frame.start + FRAME_HEAD_BYTES;
    const items = [...itemsOf(frame.text)].map((item) => ({
      start: textAt + item.start,
      end: textAt + item.end,
    }));
    return { start: frame.start, end: frame.end, firstSequence: frame.head.firstSequence, items };
  });
}

export { HEADER_BYTES };

export function segmentFiles(path: string): string[] {
  return readdirSync(path)
    .filter((name) => name.startsWith('segment-'))
    .sort();
}

/** Changes a file in place. */
export function alter(path: string, change: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const before = new Uint8Array(readFileSync(path));
  writeFileSync(path, change(before.slice()));
  return before;
}
