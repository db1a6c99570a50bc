import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CausewayError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import type { JobState } from '../../src/contract/schemas.ts';
import { frameOf, NO_FIGURES } from '../../src/host/job_frame.ts';
import type { JobQuery, JobStore, StoredJob } from '../../src/host/job_store.ts';
import { MemoryJobStore } from '../../src/host/memory_job_store.ts';
import { SqlJobStore } from '../../src/host/sql_job_store.ts';
import { migrateState } from '../../src/host/state_database.ts';
import { openNodeDatabase } from '../../src/world/node/database.ts';
import { Seeded, testSeed } from '../link/seeded.ts';

type Implementation = readonly [
  name: string,
  run: (body: (store: JobStore) => Promise<void>) => Promise<void>,
];

const IMPLEMENTATIONS: readonly Implementation[] = [
  ['in memory', (body) => body(new MemoryJobStore())],
  [
    'in SQLite',
    async (body) => {
      const folder = mkdtempSync(join(tmpdir(), 'causeway-jobs-'));
      try {
        await using database = await openNodeDatabase(join(folder, 'state.db'));
        await migrateState(database, 0);
        await body(new SqlJobStore(database));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  ],
];

const ALL: JobQuery = { states: null, vm: null, limit: 100, cursor: null };
const STATES: readonly JobState[] = ['waiting', 'running', 'paused', 'done', 'failed', 'interrupted'];

function jobOf(id: string, more: Partial<StoredJob> & { readonly vm?: string } = {}): StoredJob {
  const { vm = 'vm', ...changes } = more;
  const job = {
    id,
    request: { direction: 'in' as const, vm, sources: ['/ä "quoted"'], destination: '/dst', priority: -3 },
    createdAtMs: 1_767_225_600_000,
    state: 'waiting' as const,
    wish: null,
    started: false,
    retriesUsed: 0,
    notBeforeMs: null,
    ...changes,
  };
  return { ...job, view: { ...NO_FIGURES, ...frameOf(job), note: `note of ${id}` } };
}

const idsOf = (jobs: readonly StoredJob[]) => jobs.map(({ id }) => id).join(' ');
const list = async (store: JobStore, query: Partial<JobQuery>) =>
  idsOf((await store.list({ ...ALL, ...query })).jobs);

for (const [name, run] of IMPLEMENTATIONS) {
  describe(`jobs ${name}`, () => {
    it('come back as they were put', () =>
      run(async (store) => {
        const job = jobOf('a', {
          state: 'running',
          wish: 'cancel',
          started: true,
          retriesUsed: 2,
          notBeforeMs: 1_767_225_700_000,
        });
        await store.put([job]);
        assert.deepEqual(await store.get('a'), job);
        assert.equal(await store.get('b'), null);
        const later = {
          ...jobOf('a', { state: 'paused' }),
          request: { ...job.request, windows: ['22:00-06:00'] },
        };
        await store.put([later]);
        assert.deepEqual(await store.get('a'), later);
        assert.deepEqual((await store.list(ALL)).jobs, [later]);
      }));

    it('that have not ended are found, oldest first, whatever was changed last', () =>
      run(async (store) => {
        await store.put(STATES.map((state) => jobOf(state, { state })));
        await store.put([jobOf('waiting')]);
        assert.equal(idsOf(await store.unfinished()), 'waiting running paused');
      }));

    it('are listed newest first, by state and machine', () =>
      run(async (store) => {
        await store.put([
          jobOf('1'),
          jobOf('2', { vm: 'other', state: 'done' }),
          jobOf('3', { state: 'done' }),
        ]);
        await store.put([jobOf('1', { state: 'paused' })]);
        assert.equal(await list(store, {}), '3 2 1');
        assert.equal(await list(store, { states: ['done'] }), '3 2');
        assert.equal(await list(store, { states: ['done', 'paused'], vm: 'vm' }), '3 1');
        assert.equal(await list(store, { vm: 'nobody' }), '');
        assert.equal(await list(store, { states: [] }), '');
      }));

    it('are listed page by page, each once though new ones come meanwhile', () =>
      run(async (store) => {
        await store.put(['1', '2', '3', '4', '5'].map((id) => jobOf(id)));
        const first = await store.list({ ...ALL, limit: 2 });
        assert.equal(idsOf(first.jobs), '5 4');
        await store.put([jobOf('6')]);
        const second = await store.list({ ...ALL, limit: 2, cursor: first.nextCursor });
        assert.equal(idsOf(second.jobs), '3 2');
        const third = await store.list({ ...ALL, limit: 2, cursor: second.nextCursor });
        assert.deepEqual([idsOf(third.jobs), third.nextCursor], ['1', null]);
        const exact = await store.list({ ...ALL, limit: 6 });
        assert.equal(exact.nextCursor, null);
      }));

    for (const cursor of ['', 'x', '-1', '0', '1.5', '9'.repeat(30)])
      it(`refuses ${JSON.stringify(cursor)} as a cursor`, () =>
        run((store) =>
          assert.rejects(
            store.list({ ...ALL, cursor }),
            (thrown) => thrown instanceof CausewayError && thrown.code === 'CW_USAGE',
          ),
        ));

    it('are forgotten beyond the limit: ended ones, the oldest first', () =>
      run(async (store) => {
        const kept = LIMITS.jobsKeptMax.value;
        const ended = Array.from({ length: kept }, (_, n) => jobOf(`e${n}`, { state: 'done' }));
        await store.put([jobOf('w'), ...ended]);
        assert.notEqual(await store.get('e0'), null);
        await store.put([jobOf('new', { state: 'failed' })]);
        assert.equal(await store.get('e0'), null);
        assert.notEqual(await store.get('e1'), null);
        assert.notEqual(await store.get('w'), null, 'one that waits is kept however old');
        await store.put([jobOf('w', { state: 'done' })]);
        assert.equal(await store.get('w'), null, 'it is the oldest of the ended ones now');
      }));
  });
}

/** A store and where its last page ended; cursors of two stores need not be the same. */
interface Reader {
  readonly store: JobStore;
  cursor: string | null;
}

/** One random change and some questions for all implementations at once. */
async function step(readers: readonly Reader[], random: Seeded): Promise<void> {
  const any = <T>(values: readonly T[]): T => values[random.below(values.length)]!;
  const job = jobOf(`j${random.below(30)}`, {
    vm: any(['a', 'b']),
    state: any(STATES),
    retriesUsed: random.below(3),
  });
  const states = random.below(2) === 0 ? null : [any(STATES), any(STATES)];
  const question = { states, vm: any([null, 'a', 'b']), limit: 1 + random.below(8) };
  const goOn = random.below(2) === 0;
  const known = await readers[0]!.store.get(job.id);
  // a job keeps its machine for life
  const put = known && known.request.vm !== job.request.vm ? known : job;
  const answers = await Promise.all(
    readers.map(async (reader) => {
      const done = reader.store.put([put]);
      const page = await reader.store.list({ ...question, cursor: goOn ? reader.cursor : null });
      reader.cursor = page.nextCursor;
      await done;
      return [
        await reader.store.unfinished(),
        page.jobs,
        page.nextCursor === null,
        await reader.store.get(job.id),
      ];
    }),
  );
  assert.deepEqual(answers[1], answers[0]);
}

it('all stores of jobs answer the same', async () => {
  const random = new Seeded(testSeed());
  await IMPLEMENTATIONS[0]![1]((memory) =>
    IMPLEMENTATIONS[1]![1](async (sql) => {
      const readers = [memory, sql].map((store) => ({ store, cursor: null }));
      for (let n = 0; n < 300; n += 1) await step(readers, random);
    }),
  );
});
