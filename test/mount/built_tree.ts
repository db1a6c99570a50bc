/** A tree with sources and what is built of them by times of files, as make does. */
import { createHash } from 'node:crypto';
import { promises as files } from 'node:fs';
import path from 'node:path';

export const SOURCES = 12;
/** Arguments of git for a tree that belongs to somebody else, by nobody in particular. */
export const GIT_AS_ANYBODY = [
  '-c',
  'user.name=a',
  '-c',
  'user.email=a@example.org',
  '-c',
  'safe.directory=*',
  '-c',
  'gc.auto=0',
];

const FOLDERS = 4;
const sourceOf = (at: string, number: number) => path.join(at, 'src', `${number % FOLDERS}`, `${number}.txt`);
const builtOf = (at: string, number: number) => path.join(at, 'out', `${number}.o`);
const compiled = (content: string) => createHash('sha256').update(content).digest('hex');

export async function writeSource(at: string, number: number, text: string): Promise<void> {
  await files.mkdir(path.dirname(sourceOf(at, number)), { recursive: true });
  await files.writeFile(sourceOf(at, number), text);
}

/** Builds what is missing or older than its source: how many that were. */
export async function build(at: string): Promise<number> {
  await files.mkdir(path.join(at, 'out'), { recursive: true });
  let count = 0;
  for (let number = 0; number < SOURCES; number += 1) {
    const [source, built] = [sourceOf(at, number), builtOf(at, number)];
    const { mtimeNs } = await files.stat(source, { bigint: true });
    const before = await files.stat(built, { bigint: true }).catch(() => null);
    if (before !== null && before.mtimeNs >= mtimeNs) continue;
    await files.writeFile(`${built}.new`, compiled(await files.readFile(source, 'utf8')));
    await files.rename(`${built}.new`, built);
    count += 1;
  }
  return count;
}

/** The same in a shell, in the folder of the tree: a line for each that was built. */
export const BUILD_IN_SHELL = [
  'mkdir -p out',
  'for source in src/*/*.txt; do built=out/$(basename $source .txt).o',
  'if [ ! -e $built ] || [ $source -nt $built ]; then',
  "sha256sum < $source | cut -c 1-64 | tr -d '\\n' > $built.new && mv $built.new $built && echo $built; fi; done",
].join('\n');

/** What was built for another source than the one that is there. */
export async function wrongIn(at: string): Promise<number[]> {
  const wrong: number[] = [];
  for (let number = 0; number < SOURCES; number += 1) {
    const built = await files.readFile(builtOf(at, number), 'utf8').catch(() => '');
    if (built !== compiled(await files.readFile(sourceOf(at, number), 'utf8'))) wrong.push(number);
  }
  return wrong;
}
