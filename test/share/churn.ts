// Changes a folder at random: churn.ts FOLDER COUNT SEED. Ends when all is done.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chanceOf } from '../mount/chance.ts';

const NAMES = 'abcdefgh';

/** `count` calls, of which some fail, in at most three levels of folders below `root`. */
export function churn(root: string, count: number, seed: number): void {
  const chance = chanceOf(seed);
  const any = () => {
    const names = Array.from({ length: 1 + chance(3) }, () => NAMES[chance(NAMES.length)]);
    return path.join(root, ...(names as string[]));
  };
  const calls: readonly (() => void)[] = [
    () => fs.mkdirSync(any()),
    () => fs.mkdirSync(any()),
    () => fs.mkdirSync(any(), { recursive: true }),
    () => fs.writeFileSync(any(), 'x'.repeat(chance(9))),
    () => fs.writeFileSync(any(), 'x'.repeat(chance(9))),
    () => fs.appendFileSync(any(), 'y'),
    () => fs.renameSync(any(), any()),
    () => fs.renameSync(any(), any()),
    () => fs.renameSync(any(), any()),
    () => fs.unlinkSync(any()),
    () => fs.rmSync(any(), { recursive: chance(8) === 0 }),
    () => fs.rmdirSync(any()),
    () => fs.linkSync(any(), any()),
    () => fs.symlinkSync('a', any()),
    () => fs.chmodSync(any(), 0o700 + chance(64)),
    () => fs.truncateSync(any(), chance(9)),
    () => fs.utimesSync(any(), chance(1e9), chance(1e9)),
    // away, and back with all that is in it
    () => {
      const from = any();
      const aside = `${root}-aside`;
      fs.renameSync(from, aside);
      try {
        fs.renameSync(aside, any());
      } catch {
        fs.rmSync(aside, { recursive: true });
      }
    },
  ];
  for (let i = 0; i < count; i++) {
    try {
      calls[chance(calls.length)]?.();
    } catch {
      // there is no such thing at the moment, or another one
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [root = '', count = '', seed = ''] = process.argv.slice(2);
  churn(root, Number(count), Number(seed));
}
