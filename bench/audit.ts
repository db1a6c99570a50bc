/**
 * How fast the audit log takes and checks records: `node_modules/.bin/node bench/audit.ts [RECORDS]`. Records come in
 * batches, as from a busy daemon, and one by one, as from an idle one; then each has a frame and a flush of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditLog } from '../src/access/audit/audit_log.ts';
import { verifyLog } from '../src/access/audit/verify.ts';
import { MasterKeys } from '../src/access/keys/master_keys.ts';
import type { AccessPorts } from '../src/access/ports.ts';
import { createNodeCryptography } from '../src/world/node/cryptography.ts';
import { createNodeWorld } from '../src/world/node/world.ts';
import { median } from './statistics.ts';
import { plainTable } from './table.ts';

const CHECKS = 5;

interface Figures {
  readonly records: number;
  readonly appendSeconds: number;
  readonly verifySeconds: number;
  readonly verifyCpuMicroseconds: number;
  readonly sizeBytes: number;
}

async function fill(log: AuditLog, records: number, together: number): Promise<void> {
  const actor = { kind: 'user', name: 'ann', address: '10.0.0.7' };
  for (let at = 0; at < records; at += together) {
    const batch = Array.from({ length: together }, (_, offset) => {
      const resource = `vm:web-${offset % 10}:/srv/data/project/file-${at + offset}`;
      const details = { job: `job-${at + offset}`, bytes: 1_048_576 };
      return log.append({ actor, action: 'job.start', resource, outcome: 'started', details });
    });
    await Promise.all(batch);
  }
}

async function run(records: number, together: number): Promise<Figures> {
  const path = mkdtempSync(join(tmpdir(), 'causeway-bench-audit-'));
  const world = createNodeWorld();
  const ports: AccessPorts = { ...world, crypto: createNodeCryptography() };
  const dir = await world.disk.openRoot(path);
  const vault = await MasterKeys.open(ports, dir, path, world.process.info.platform);
  const log = await AuditLog.open(ports, vault, { dir, dirPath: path });
  try {
    const begin = performance.now();
    await fill(log, records, together);
    const appendSeconds = (performance.now() - begin) / 1_000;
    const seconds: number[] = [];
    const cpu: number[] = [];
    for (let check = 0; check < CHECKS; check += 1) {
      const cpuBefore = process.cpuUsage();
      const start = performance.now();
      const report = await verifyLog(log.place, log.position);
      seconds.push((performance.now() - start) / 1_000);
      const { user, system } = process.cpuUsage(cpuBefore);
      cpu.push((user + system) / records);
      if (!report.isSound || report.records !== records) throw new Error('the log is not what was written');
    }
    const { segment, sizeBytes } = log.position;
    const before = (segment - 1) * 8 * 1024 * 1024; // close enough for bytes a record
    return {
      records,
      appendSeconds,
      verifySeconds: median(seconds),
      verifyCpuMicroseconds: median(cpu),
      sizeBytes: before + sizeBytes,
    };
  } finally {
    await log.close();
    await dir.close();
    rmSync(path, { recursive: true });
  }
}

const records = Number(process.argv[2] ?? 100_000);
const rows: string[][] = [];
for (const [what, count, together] of [
  ['500 at a time', records, 500],
  ['20 at a time', records, 20],
  ['one by one', Math.ceil(records / 10), 1],
] as const) {
  const figures = await run(count, together);
  rows.push([
    what,
    String(count),
    Math.round(count / figures.appendSeconds).toLocaleString('en'),
    Math.round(count / figures.verifySeconds).toLocaleString('en'),
    figures.verifyCpuMicroseconds.toFixed(1),
    String(Math.round(figures.sizeBytes / count)),
  ]);
}
process.stdout.write(
  `${plainTable(
    [
      { title: 'records come', align: 'left' },
      { title: 'records', align: 'right' },
      { title: 'appended/s', align: 'right' },
      { title: 'checked/s', align: 'right' },
      { title: 'CPU µs each', align: 'right' },
      { title: 'bytes each', align: 'right' },
    ],
    rows,
  )}\n`,
);
