import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldingDir } from '../../test/fixtures/folding_dir.ts';
import { parseName } from '../base/path.ts';
import { MACOS_NAMES, type NameRules, POSIX_NAMES, WINDOWS_NAMES } from '../tree/names/name_rules.ts';
import { inlineOffload } from '../world/offload.ts';
import { type FoundRules, isPlain, probeNamesJob } from './name_probe.ts';

const probe = async (rules: NameRules, keepsCase = true): Promise<FoundRules> => {
  const dir = foldingDir(rules, keepsCase);
  await dir.openFile(parseName('left behind'), 'create');
  const found = await inlineOffload({ monotonicMs: () => 0 }).run(probeNamesJob, { dir });
  assert.equal(dir.names.size, 0, 'nothing is left of the probe');
  return found;
};

test('what a folder does with names is found by trying', async () => {
  const rows: NameRules[] = [
    POSIX_NAMES,
    MACOS_NAMES,
    { ...WINDOWS_NAMES, lengthUnit: 'utf8' },
    { ...POSIX_NAMES, case: 'full', formInsensitive: true },
    { ...POSIX_NAMES, maxLength: 143 },
    { ...POSIX_NAMES, maxLength: 254 },
    { ...POSIX_NAMES, maxLength: 20 },
  ];
  for (const rules of rows) assert.deepEqual(await probe(rules), { rules, keepsCase: true });
  assert.equal((await probe(MACOS_NAMES, false)).keepsCase, false);
  assert.deepEqual(
    rows.map((rules) => isPlain(rules)),
    [true, false, false, false, false, false, false],
  );
});
