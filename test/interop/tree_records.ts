import { execFileSync } from 'node:child_process';

/** All that the tools of the system tell of one entry; paths and texts are bytes, one character each. */
export interface EntryRecord {
  /** Kind, mode, owner, modification time in nanoseconds, target of a link, size. */
  readonly stat: string;
  readonly kind: string;
  readonly inode: string;
  /** What it takes on the disk. */
  readonly diskBytes: number;
  content?: string;
  attributes?: string;
  accessLists?: string;
}

const FIELDS = ['%P', '%y', '%m', '%U:%G', '%T@', '%l', '%s', '%i', '%b'] as const;

/** The entries of a tree by their path, by tools that share no code with this project. */
export function recordsOf(root: string): Map<string, EntryRecord> {
  const records = new Map<string, EntryRecord>();
  const listed = run(root, `find . -mindepth 1 -printf '${FIELDS.join('\\0')}\\0'`).split('\0');
  for (let at = 0; at + FIELDS.length <= listed.length; at += FIELDS.length) {
    const [path, kind, mode, owner, time, target, size, inode, blocks] = listed.slice(at, at + FIELDS.length);
    const stat = [kind, mode, owner, time, target, kind === 'd' ? '' : size].join('|');
    records.set(path!, { stat, kind: kind!, inode: inode!, diskBytes: 512 * Number(blocks) });
  }
  for (const line of run(root, 'find . -type f -print0 | xargs -0 -r sha256sum -z').split('\0'))
    if (line !== '') records.get(line.slice(68))!.content = line.slice(0, 64);
  const all = 'find . -mindepth 1 -print0';
  for (const [path, text] of blocksOf(run(root, `${all} | xargs -0 getfattr -h -d -m - -e hex --`)))
    records.get(path)!.attributes = text;
  const lists = run(root, 'find . -mindepth 1 ! -type l -print0 | xargs -0 getfacl -p -n --');
  for (const [path, text] of blocksOf(lists)) records.get(path)!.accessLists = text;
  return records;
}

/** Names of one file, each group in order. */
export function linkGroupsOf(
  records: ReadonlyMap<string, EntryRecord>,
  isCounted: (path: string) => boolean,
): string[] {
  const groups = new Map<string, string[]>();
  for (const [path, { kind, inode }] of records)
    if (kind === 'f' && isCounted(path)) groups.set(inode, [...(groups.get(inode) ?? []), path]);
  return [...groups.values()]
    .filter((names) => names.length > 1)
    .map((names) => names.sort().join(' = '))
    .sort();
}

function run(root: string, script: string): string {
  return execFileSync('sh', ['-c', `export LC_ALL=C; ${script}`], {
    cwd: root,
    encoding: 'latin1',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** What getfattr and getfacl print: a block for each entry, which begins with its path. */
function* blocksOf(text: string): Generator<[path: string, text: string]> {
  for (const block of text.split('\n\n')) {
    const [first = '', ...lines] = block.split('\n');
    if (!first.startsWith('# file: ')) continue;
    const path = first
      .slice(8)
      .replace(/\\(\\|[0-7]{3})/g, (_, code) =>
        code === '\\' ? code : String.fromCharCode(Number.parseInt(code, 8)),
      );
    yield [path.replace(/^\.\//, ''), lines.sort().join('\n')];
  }
}
