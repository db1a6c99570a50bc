/** The parts of the benchmark that its figures rest on. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { CASES, type Case, prepareSource, quickened } from '../../bench/cases.ts';
import { NoiseSource, planTree, SeededRandom, TextSource } from '../../bench/generate.ts';
import { measure } from '../../bench/measure.ts';
import { parseCopyOptions, selected, UsageError } from '../../bench/options.ts';
import { findToken } from '../../bench/ours.ts';
import { changedBytes, layPrior, type Prior, removeLeftover } from '../../bench/prior.ts';
import { parseBusySeconds, parseStat, parseStatusKiB } from '../../bench/processes.ts';
import { type BenchRecord, type CaseRecord, figuresOf, merged, recordIn } from '../../bench/record.ts';
import { markdownReport, otherLoad, terminalReport } from '../../bench/report.ts';
import { median, range, rotated, speedRatios } from '../../bench/statistics.ts';
import { markdownTable, plainTable } from '../../bench/table.ts';
import { type CaseFigures, verdicts } from '../../bench/targets.ts';
import { quoted } from '../../bench/tools.ts';
import { checkContent, checkExtent, sha256OfFile } from '../../bench/verify.ts';
import { fileSystemOf } from '../../bench/workplace.ts';

/** A zombie has ended: only its parent has not asked yet. */
function isAlive(pid: string): boolean {
  const status = `/proc/${pid}/status`;
  try {
    return !/^State:\s+Z/m.test(readFileSync(status, 'latin1'));
  } catch {
    // The file is gone with the process.
    return false;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('statistics', () => {
  test('median of odd and even counts, without changing the list', () => {
    const values = [9, 1, 5];
    assert.equal(median(values), 5);
    assert.deepEqual(values, [9, 1, 5]);
    assert.equal(median([10, 9, 1, 5]), 7);
    assert.deepEqual(range([3, 1, 2]), [1, 3]);
    assert.throws(() => median([]), RangeError);
  });

  test('a ratio uses the fastest rival of the same round, and only complete rounds', () => {
    const ratios = speedRatios(
      [1, 2, null, 4],
      [
        [3, 2, 1, 8],
        [2, 6, 1, null],
      ],
    );
    assert.deepEqual(ratios, [2, 1]);
    assert.deepEqual(speedRatios([1], []), []);
  });

  test('rotation moves every peer through every place', () => {
    assert.deepEqual(rotated(['a', 'b', 'c'], 1), ['b', 'c', 'a']);
    assert.deepEqual(rotated(['a', 'b', 'c'], 4), ['b', 'c', 'a']);
    assert.deepEqual(rotated([], 3), []);
    const firsts = [0, 1, 2].map((round) => rotated(['a', 'b', 'c'], round)[0]);
    assert.deepEqual(firsts.sort(), ['a', 'b', 'c']);
  });
});

describe('tables', () => {
  const columns = [
    { title: 'name', align: 'left' },
    { title: 's', align: 'right' },
  ] as const;

  test('plain columns are aligned and end without blanks', () => {
    const rows = [
      ['a', '1.25'],
      ['longer', ''],
    ];
    assert.equal(plainTable(columns, rows), 'name       s\n------  ----\na       1.25\nlonger');
  });

  test('Markdown escapes bars', () => {
    const lines = markdownTable(columns, [['x|y', '1']]).split('\n');
    assert.deepEqual(lines, ['| name |   s |', '| ---- | --: |', '| x\\|y |   1 |']);
  });
});

describe('generated data', () => {
  test('the same seed gives the same bytes, another seed others', () => {
    for (const Source of [TextSource, NoiseSource]) {
      const digests = ['one', 'one', 'two'].map((seed) => {
        const bytes = Buffer.alloc(100_000);
        new Source(seed).fill(bytes);
        return sha256(bytes);
      });
      assert.equal(digests[0], digests[1]);
      assert.notEqual(digests[0], digests[2]);
    }
  });

  test('a source goes on instead of repeating', () => {
    for (const source of [new TextSource('s'), new NoiseSource('s')]) {
      const [first, second] = [Buffer.alloc(10_000), Buffer.alloc(10_000)];
      source.fill(first);
      source.fill(second);
      assert.notDeepEqual(first, second);
    }
  });

  test('text compresses as prose does, noise does not', () => {
    const bytes = Buffer.alloc(1 << 20);
    new TextSource('s').fill(bytes);
    const ratio = gzipSync(bytes).length / bytes.length;
    assert.ok(ratio > 0.3 && ratio < 0.55, `gzip ratio ${ratio}`);
    assert.match(bytes.toString('latin1'), /^[a-z., \n]+$/);
    new NoiseSource('s').fill(bytes);
    assert.ok(gzipSync(bytes).length >= bytes.length);
  });

  test('the random numbers are in range and centred', () => {
    const random = new SeededRandom('s');
    const fractions = Array.from({ length: 10_000 }, () => random.fraction());
    assert.ok(fractions.every((x) => x >= 0 && x < 1));
    const mean = fractions.reduce((sum, x) => sum + x, 0) / fractions.length;
    assert.ok(Math.abs(mean - 0.5) < 0.02, `mean ${mean}`);
  });

  test('a tree has the folders, the mean and the spread that are promised', () => {
    const shape = { files: 20_000, folders: 200, meanBytes: 8192, maxBytes: 1 << 20 };
    const plan = planTree(shape, 's');
    assert.deepEqual(planTree(shape, 's'), plan);
    assert.equal(new Set(plan.map((file) => file.path)).size, 20_000);
    assert.equal(new Set(plan.map((file) => file.path.slice(0, file.path.lastIndexOf('/')))).size, 200);
    const sizes = plan.map((file) => file.sizeBytes);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    assert.ok(mean > 7_700 && mean < 8_700, `mean ${mean}`);
    assert.ok(median(sizes) < mean * 0.7, 'log-normal: the median is well below the mean');
    assert.ok(sizes.includes(0) && Math.max(...sizes) <= shape.maxBytes);
  });
});

describe('the machine read from /proc', () => {
  test('times of a process whose name holds blanks and brackets', () => {
    const stat = '12 (a) b (c) S 1 12 12 0 -1 4194304 1 2 3 4 150 50 1000 24 20 0 1 0 5 6 7';
    assert.deepEqual(parseStat(stat), { ownSeconds: 2, reapedSeconds: 10.24 });
  });

  test('peak memory, and a process that has none', () => {
    assert.equal(parseStatusKiB('Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t    1234 kB\n', 'VmHWM'), 1234);
    assert.equal(parseStatusKiB('Name:\tx\nState:\tZ\n', 'VmHWM'), null);
  });

  test('busy time leaves out idle and waiting', () => {
    assert.equal(parseBusySeconds('cpu  100 10 200 99999 5000 1 2 3 0 0\ncpu0 1 1 1 1\n'), 3.16);
  });

  test('the innermost and latest mount holds a path', () => {
    const line = (point: string, type: string) => `1 2 0:1 / ${point} rw shared:1 - ${type} source rw`;
    const mounts = [
      line('/', 'ext4'),
      line('/dev', 'devtmpfs'),
      line('/dev/shm', 'tmpfs'),
      line('/mnt', 'xfs'),
    ];
    assert.equal(fileSystemOf('/dev/shm/x', mounts.join('\n')), 'tmpfs on /dev/shm');
    assert.equal(fileSystemOf('/dev/shmx', mounts.join('\n')), 'devtmpfs on /dev');
    assert.equal(fileSystemOf('/mnt/x', [...mounts, line('/mnt', 'btrfs')].join('\n')), 'btrfs on /mnt');
  });
});

describe('a measured command', { skip: existsSync('/proc/self/stat') ? false : 'needs Linux /proc' }, () => {
  const env = { PATH: '/usr/bin:/bin' };
  const never = new AbortController().signal;

  test('counts the processor time and memory of grandchildren', async () => {
    const burn = `const b = Buffer.alloc(100e6, 1); while (process.cpuUsage().user < 150e3); process.exit(b[7] - 1)`;
    const script = `${quoted(process.execPath)} -e ${quoted(burn)}; exit $?`;
    const cost = await measure({ argv: ['/bin/sh', '-c', script], env }, [], never);
    assert.ok(cost.cpuSeconds >= 0.14, `CPU ${cost.cpuSeconds}`);
    assert.ok((cost.peakKiB.client ?? 0) > 95_000, `peak ${cost.peakKiB.client}`);
  });

  test('fails with what the command said', async () => {
    const command = { argv: ['/bin/sh', '-c', 'echo no room >&2; exit 3'], env };
    await assert.rejects(measure(command, [], never), /exit code 3: no room/);
  });

  test('an interrupt ends the whole tree of a client', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
    try {
      const stop = new AbortController();
      const pidFile = join(folder, 'pid');
      const script = `sleep 600 & echo $! > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait`;
      const running = measure({ argv: ['/bin/sh', '-c', script], env }, [], stop.signal);
      const poll = setInterval(() => existsSync(pidFile) && stop.abort(new Error('stopped')), 5);
      await assert.rejects(running, /stopped/);
      clearInterval(poll);
      const pid = readFileSync(pidFile, 'latin1').trim();
      const deadline = performance.now() + 10_000;
      while (isAlive(pid) && performance.now() < deadline) await setImmediate();
      assert.equal(isAlive(pid), false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('verification', () => {
  test('a wrong byte, a missing and an additional file are found', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
    try {
      const tiny: Case = { ...(CASES.find((c) => c.kind === 'tree') as Case), files: 20 };
      const source = prepareSource(tiny, join(folder, 'source'));
      const destination = join(folder, 'destination');
      mkdirSync(destination);
      assert.throws(() => checkExtent(source, destination), /wrong copy: 0 files/);
      const copy = prepareSource(tiny, destination);
      assert.equal(copy.files, 20);
      checkExtent(source, destination);
      await checkContent('tree', source, destination, '');
      const victim = join(
        copy.path,
        planTree({ files: 20, folders: 200, meanBytes: 8192, maxBytes: 1 << 20 }, tiny.name)[1]?.path ?? '',
      );
      const bytes = readFileSync(victim);
      bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
      writeFileSync(victim, bytes);
      checkExtent(source, destination);
      await assert.rejects(checkContent('tree', source, destination, ''), /wrong copy: diff -r/);
      writeFileSync(join(destination, 'more'), '');
      assert.throws(() => checkExtent(source, destination), /21 files/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a file is compared by SHA-256', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
    try {
      const path = join(folder, 'data.bin');
      writeFileSync(path, 'abc');
      const digest = sha256(Buffer.from('abc'));
      assert.equal(await sha256OfFile(path), digest);
      const source = { path: '/elsewhere/data.bin', files: 1, sizeBytes: 3, changedBytes: 3 };
      await checkContent('file', source, folder, digest);
      await assert.rejects(
        checkContent('file', source, folder, sha256(Buffer.from('abd'))),
        /SHA-256 differs/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('command line', () => {
  test('defaults, lists and wrong input', () => {
    assert.equal(parseCopyOptions([]).rounds, 5);
    assert.equal(parseCopyOptions(['--quick']).rounds, 2);
    assert.deepEqual(parseCopyOptions(['--only', 'a, b', '--peers=cp']).only, ['a', 'b']);
    for (const args of [['--rounds', '0'], ['--rounds', '1.5'], ['--fast'], ['stray']]) {
      assert.throws(() => parseCopyOptions(args), UsageError);
    }
    assert.throws(
      () => selected(CASES, ['nothing'], 'case'),
      /unknown case nothing; there are file-1g-random/,
    );
    assert.deepEqual(
      selected(CASES, ['tree-20k', 'file-1g-text'], 'case').map((c) => c.name),
      ['file-1g-text', 'tree-20k'],
    );
  });

  test('a quick case says so', () => {
    const quick = quickened(CASES[0] as Case);
    assert.equal(quick.sizeBytes, 1 << 27);
    assert.match(quick.what, /QUICK/);
  });

  test('shell words', () => {
    assert.equal(quoted('/a/b-c.d'), '/a/b-c.d');
    assert.equal(quoted("it's $x"), `'it'\\''s $x'`);
  });

  test('the pairing token is found in what an agent prints', () => {
    const { valid } = JSON.parse(readFileSync(join(import.meta.dirname, '../golden/token.json'), 'utf8'));
    for (const { text } of valid) {
      assert.equal(findToken(`listening\ncauseway vm add NAME --tcp h:1 --token ${text}\n`), text);
      assert.equal(findToken(`{"token":"${text}"}`), text);
    }
    assert.equal(findToken('waiting for a token'), null);
  });
});

function figures(seconds: CaseFigures['seconds'], peakKiB: CaseFigures['peakKiB'] = {}): CaseFigures {
  return { seconds, peakKiB };
}

describe('targets', () => {
  const find = (one: CaseFigures, what: RegExp) =>
    verdicts(new Map([['file-1g-random', one]])).find((verdict) => what.test(verdict.what));
  const rivals = { scp: [6, 6, 6], 'scp-gcm': [4, 4, 4], 'rsync-ssh': [5, 5, 5] };

  test('met, short and not measured', () => {
    const met = find(figures({ ...rivals, 'ours-tls': [2, 2, 9] }), /1 GiB random/);
    assert.deepEqual([met?.verdict, met?.measured], ['met', '2.00 x']);
    const short = find(figures({ ...rivals, 'ours-tls': [3.5, 3.5, 3.5] }), /1 GiB random/);
    assert.deepEqual([short?.verdict, short?.measured], ['short', '1.14 x']);
    assert.equal(find(figures(rivals), /1 GiB random/)?.measured, 'ours-tls not run');
    const alone = find(figures({ scp: [6], 'ours-tls': [1] }), /1 GiB random/);
    assert.equal(alone?.measured, 'scp-gcm, rsync-ssh not run');
  });

  test('memory is judged by the largest of our processes only', () => {
    const peaks = { 'ours-tls': { daemon: 400 * 1024, agent: 1 }, 'rclone-sftp': { client: 900 * 1024 } };
    const verdict = find(figures({}, peaks), /peak memory/);
    assert.equal(verdict?.verdict, 'short');
    assert.match(verdict?.measured ?? '', /^400 MiB \(ours-tls daemon/);
  });

  test('figures of cases and probes are judged by their median', () => {
    const cases = new Map([['help', figures({ 'ours-tls': [0.15, 0.16, 0.3] })]]);
    const values = { values: [1, 3, 2.5] };
    const judged = verdicts(cases, {
      'restart-99': {
        what: 'w',
        date: 'd',
        quick: false,
        figures: { 'until the first new byte, s': values },
      },
    });
    const of = (what: RegExp) => judged.find((verdict) => what.test(verdict.what));
    assert.deepEqual([of(/--help/)?.verdict, of(/--help/)?.measured], ['met', '160 ms']);
    assert.deepEqual([of(/first new byte/)?.verdict, of(/first new byte/)?.measured], ['short', '2.50 s']);
    assert.equal(of(/1 KiB file/)?.measured, 'file-1k not run');
  });

  test('what binds now comes first', () => {
    const dues = verdicts(new Map()).map((verdict) => verdict.due);
    assert.deepEqual(dues, [...dues].sort().reverse());
  });
});

describe('what stands at the destination before', () => {
  const folder = () => mkdtempSync(join(tmpdir(), 'bench-test-'));
  const which: Case = { ...(CASES.find((c) => c.name === 'file-1k') as Case), sizeBytes: 13 << 20 };
  const blocks = (bytes: Buffer) =>
    Array.from({ length: bytes.length >> 16 }, (_, i) => sha256(bytes.subarray(i << 16, (i + 1) << 16)));

  test('each edit is undone as it says, and its changed bytes are counted', () => {
    const place = folder();
    try {
      const source = prepareSource(which, join(place, 'source'));
      const fresh = readFileSync(source.path);
      const before = (prior: Prior, name = 'data.bin') => {
        const destination = join(place, prior);
        mkdirSync(destination);
        layPrior(prior, source.path, destination);
        return readFileSync(join(destination, name));
      };
      assert.deepEqual(before('insert'), fresh.subarray(1));
      assert.equal(changedBytes('insert', fresh.length), 1);
      const appended = before('append');
      assert.deepEqual(appended, fresh.subarray(0, appended.length));
      assert.equal(changedBytes('append', fresh.length), fresh.length - appended.length);
      const old = blocks(before('blocks'));
      const differ = blocks(fresh).filter((hash, i) => hash !== old[i]).length;
      assert.equal(differ, 2);
      assert.equal(changedBytes('blocks', fresh.length), differ << 16);
      for (const prior of ['same', 'touch'] as const) assert.deepEqual(before(prior), fresh);
      const times = ['same', 'touch'].map((prior) => statSync(join(place, prior, 'data.bin')).mtimeMs);
      const { mtimeMs } = statSync(source.path);
      assert.ok(Math.abs((times[0] ?? 0) - mtimeMs) < 1 && Math.abs((times[1] ?? 0) - mtimeMs) > 1_000_000);
      assert.deepEqual(before('rename', 'earlier-name.bin'), fresh);
      removeLeftover('rename', join(place, 'rename'));
      assert.equal(existsSync(join(place, 'rename', 'earlier-name.bin')), false);
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  test('1 % of the blocks of a large file are changed, none counted twice', () => {
    for (const gib of [1, 4]) {
      const share = changedBytes('blocks', gib * 2 ** 30) / (gib * 2 ** 30);
      assert.ok(Math.abs(share - 0.01) < 0.0001, `${share}`);
    }
  });
});

describe('record', () => {
  const cost = (seconds: number, kib: number) => ({
    seconds,
    cpuSeconds: seconds / 2,
    otherCpuSeconds: 0,
    peakKiB: { client: kib },
    wireBytes: 1 << 30,
    readBytes: { client: 3 << 20, server: 5 << 20 },
  });
  const machine = { processor: 'p', cores: 2, memoryGiB: 24, kernel: 'k', node: 'v26' };
  const one = (date: string, quick = false): CaseRecord => ({
    ...{
      what: 'one file',
      date,
      quick,
      rounds: 2,
      files: 1,
      sizeBytes: 1 << 30,
      fileSystem: 'tmpfs on /x',
      machine,
    },
    twoToOne: [1.9, 1.1, 2],
    peers: {
      'rsync-daemon': {
        version: 'v1',
        command: 'a | b',
        note: 'n',
        ...figuresOf({ costs: [cost(2, 1024), cost(4, 2048)], failures: [] }),
      },
      'ours-tls': {
        version: 'v2',
        command: 'c',
        note: 'n',
        ...figuresOf({ costs: [cost(1, 1024), null], failures: ['round 2: exit code 1: a\nb'] }),
      },
    },
    unavailable: { scp: 'not installed' },
  });
  const record: BenchRecord = { schema: 1, cases: { 'file-1g-random': one('2026-01-01') } };

  test('keeps rounds apart and the highest peak', () => {
    const peer = record.cases['file-1g-random']?.peers['rsync-daemon'];
    assert.deepEqual(peer?.seconds, [2, 4]);
    assert.deepEqual(peer?.peakKiB, { client: 2048 });
  });

  test('the Markdown gives the record back', () => {
    assert.deepEqual(recordIn(markdownReport(record)), record);
    assert.equal(recordIn('# nothing here'), null);
  });

  test('a later run replaces its cases and keeps the others', () => {
    const both = merged(record, { schema: 1, cases: { 'tree-20k': one('2026-02-02') } });
    assert.deepEqual(Object.keys(both.cases), ['file-1g-random', 'tree-20k']);
    const again = merged(both, { schema: 1, cases: { 'file-1g-random': one('2026-03-03') } });
    assert.equal(again.cases['file-1g-random']?.date, '2026-03-03');
    assert.equal(again.cases['tree-20k']?.date, '2026-02-02');
  });

  test('the reports show medians, ratios, failures, absences, versions and commands', () => {
    const text = terminalReport(record);
    assert.match(text, /rsync-daemon +3\.00 +2\.00-4\.00 +341 +1\.00 x/);
    assert.match(text, /ours-tls +1\.00 .* 2\.00 x/);
    assert.match(text, /ours-tls failed in round 2: exit code 1: a b/);
    assert.match(text, /scp: not available: not installed/);
    assert.match(text, /1\.90, 1\.10, 2\.00/);
    const page = markdownReport(record);
    assert.match(page, /\| rsync-daemon \| v1 +\| n +\| `a \\\| b` +\|/);
  });

  test('a machine that was not idle is named', () => {
    const idle = one('2026-01-01');
    assert.equal(otherLoad(idle), 0);
    const peer = idle.peers['rsync-daemon'];
    assert.ok(peer);
    const busy = { ...idle, peers: { 'rsync-daemon': { ...peer, otherCpuSeconds: [3, 3] } } };
    assert.equal(otherLoad(busy), 0.5);
    assert.match(
      terminalReport({ schema: 1, cases: { x: busy } }),
      /MACHINE NOT IDLE: 50 % of the processors/,
    );
  });

  test('quick figures are judged by no target', () => {
    const text = terminalReport({ schema: 1, cases: { 'file-1g-random': one('2026-01-01', true) } });
    assert.match(text, /QUICK, not for the record/);
    assert.match(text, /1 GiB random file.* case not run +not measured/);
  });
});
