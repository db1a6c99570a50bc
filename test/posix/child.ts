// Runs all checks in a folder and prints what came out: child.ts FOLDER PART. Checks of rights need a process of root.
import fs from 'node:fs';
import path from 'node:path';
import { allChecks, type Part } from './all.ts';

const [, , folder = '', part = 'everything'] = process.argv;
process.umask(0o22);
if (process.getuid?.() === 0) process.setgroups?.([]);
const outcomes: Record<string, string> = {};
let number = 0;
for (const check of allChecks(process.getuid?.() === 0, part as Part)) {
  const own = path.join(folder, `check-${number}`);
  number += 1;
  fs.mkdirSync(own);
  try {
    outcomes[check.name] = check.run(own);
  } catch (thrown) {
    outcomes[check.name] =
      `thrown: ${thrown instanceof Error ? thrown.message.replaceAll(folder, '') : String(thrown)}`;
  }
}
process.stdout.write(JSON.stringify(outcomes));
