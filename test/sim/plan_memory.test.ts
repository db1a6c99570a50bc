import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hashBytes } from '../../src/base/hash.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { parseRelPath } from '../../src/base/path.ts';
import { PlanSpool } from '../../src/transfer/plan_spool.ts';
import { stepSink } from '../../src/transfer/sink_machine.ts';
import { SinkPlan } from '../../src/transfer/sink_plan.ts';
import {
  newSinkState,
  type SinkEffect,
  type SinkEvent,
  type SinkState,
} from '../../src/transfer/sink_state.ts';
import { SourceMachine } from '../../src/transfer/source_machine.ts';
import { encodePlan } from '../../src/wire/copy_messages.ts';
import type { PlanEntry } from '../../src/wire/copy_types.ts';
import { createNodeCompression } from '../../src/world/node/compression.ts';

const ENTRIES = 300_000;
const PAGE = LIMITS.manifestPageEntries.value;
const CHUNK = LIMITS.chunkDefaultBytes.value;
/** Of both sides together; what is under way does not grow with the plan. */
const BYTES_PER_ENTRY_MAX = 50;
const SOME_HASH = hashBytes(new Uint8Array());

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heldBytes(): number {
  collectGarbage();
  collectGarbage(); // buffers that the first one found unused are given back by now
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A file of a byte, and an empty one, in turn. */
function entry(at: number): PlanEntry {
  const timeNs = 1_763_700_000_000_000_000n + BigInt(at) * 39_916_801n;
  return {
    path: `tree/folder-${Math.floor(at / 1_000)}/file-${at}.dat`,
    kind: 'file',
    sizeBytes: at % 2,
    mode: 0o644,
    mtimeNs: timeNs,
    ctimeNs: timeNs,
    inode: `2049:${at}`,
    linkTarget: '',
  };
}

/** Both machines without disks and link: what one gives the other takes, and every batch is in place at once. */
class Both {
  readonly source = new SourceMachine(CHUNK, new PlanSpool(createNodeCompression()));
  readonly plan = new SinkPlan(new PlanSpool(createNodeCompression()), ({ path }) => parseRelPath(path));
  readonly sink: SinkState = newSinkState(CHUNK, this.plan);
  isFinal = false;

  takePlan(): void {
    for (let first = 0; first < ENTRIES; first += PAGE) {
      const count = Math.min(PAGE, ENTRIES - first);
      const entries = Array.from({ length: count }, (_, at) => entry(first + at));
      const message = encodePlan(entries);
      this.source.planned(message);
      this.step({ kind: 'planned', files: this.plan.add(message) });
    }
    this.source.start();
  }

  /** One pack from the source into its place. */
  movePack(): boolean {
    const work = this.source.next();
    if (work === null) return false;
    assert.ok(work.kind === 'pack');
    for (const file of work.files) {
      this.sink.files.want(file.index);
      this.source.sentWhole(file);
    }
    const files = work.files.map(({ index, entry: { sizeBytes } }) => ({
      file: index,
      bytes: sizeBytes,
      hash: SOME_HASH,
    }));
    this.step({ kind: 'packWritten', files });
    return true;
  }

  step(event: SinkEvent): void {
    const effects: SinkEffect[] = stepSink(this.sink, event);
    for (let effect = effects.shift(); effect !== undefined; effect = effects.shift()) {
      if (effect.kind === 'finalize') this.isFinal = true;
      if (effect.kind === 'send' && effect.message.t === 'published')
        for (const file of effect.message.files) this.source.done(file);
      if (effect.kind !== 'finish') continue;
      effects.push(...stepSink(this.sink, { kind: 'published', files: effect.files }));
      effects.push(...stepSink(this.sink, { kind: 'batchDone' }));
    }
  }
}

test('a plan of 300,000 files takes little memory at both sides, from its first entry to the last file', (t) => {
  const both = new Both();
  const before = heldBytes();
  both.takePlan();
  const planned = (heldBytes() - before) / ENTRIES;
  both.step({ kind: 'planEnd' });
  let begun = 0;
  while (both.movePack()) begun = Math.max(begun, both.sink.files.begun, both.source.files.size);
  const moved = (heldBytes() - before) / ENTRIES;
  t.diagnostic(
    `bytes an entry: planned ${planned.toFixed(1)}, in place ${moved.toFixed(1)}; at most ${begun} begun`,
  );
  assert.ok(both.isFinal);
  assert.equal(both.sink.doneEntries, ENTRIES);
  assert.ok(planned < BYTES_PER_ENTRY_MAX, `${planned} bytes an entry`);
  assert.ok(moved < BYTES_PER_ENTRY_MAX, `${moved} bytes an entry`);
  assert.ok(begun <= LIMITS.sendWindowMaxFiles.value, `${begun} begun`);
});
