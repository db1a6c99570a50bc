import fs, { constants } from 'node:fs';
import path from 'node:path';
import {
  allocate,
  copyRange,
  FIFO,
  getXattr,
  listXattrs,
  makeNode,
  type Outcome,
  removeXattr,
  SEEK_DATA,
  SEEK_HOLE,
  seek,
  setXattr,
  tried,
} from './calls.ts';
import { type Check, kindAt } from './suite.ts';

const RDWR = constants.O_RDWR | constants.O_CREAT;
const MIB = 1_048_576;

/** Works on an open file, and shows its size and a sum of its bytes in the end. */
function onFile(name: string, expected: string | null, use: (fd: number, at: string) => unknown): Check {
  return {
    name,
    expected,
    run: (folder) => {
      const at = path.join(folder, 'file');
      return tried(() => {
        const fd = fs.openSync(at, RDWR, 0o644);
        try {
          return use(fd, at);
        } finally {
          fs.closeSync(fd);
        }
      });
    },
  };
}

const sizeOf = (fd: number) => fs.fstatSync(fd).size;
const write = (fd: number, text: string, at: number) => fs.writeSync(fd, text, at);
function text(fd: number, at: number, length: number): string {
  const bytes = Buffer.alloc(length);
  return bytes.toString('latin1', 0, fs.readSync(fd, bytes, 0, length, at)).replaceAll('\0', '0');
}

const DATA: readonly Check[] = [
  onFile('read at the end', '0', (fd) => fs.readSync(fd, Buffer.alloc(1), 0, 1, 0)),
  onFile('read behind the end', '0', (fd) => fs.readSync(fd, Buffer.alloc(1), 0, 1, MIB)),
  onFile(
    'a write behind the end leaves zeros',
    '3:000x',
    (fd) => `${write(fd, 'x', 3) + 2}:${text(fd, 0, 9)}`,
  ),
  onFile('a longer file ends in zeros', 'ab000', (fd) => {
    write(fd, 'abcdef', 0);
    fs.ftruncateSync(fd, 2);
    fs.ftruncateSync(fd, 5);
    return text(fd, 0, 9);
  }),
  onFile('a file of a terabyte', String(2 ** 40 + 1), (fd) => {
    write(fd, 'x', 2 ** 40);
    return sizeOf(fd);
  }),
  onFile('two openers append in turn', 'aabb', (fd, at) => {
    fs.appendFileSync(at, 'aa');
    fs.appendFileSync(at, 'bb');
    return text(fd, 0, 9);
  }),
  onFile('append where another one has made it longer', '--------x', (fd, at) => {
    const appender = fs.openSync(at, constants.O_WRONLY | constants.O_APPEND);
    write(fd, '--------', 0);
    fs.writeSync(appender, 'x');
    fs.closeSync(appender);
    return text(fd, 0, 20);
  }),
  onFile('data and holes', '0 65536 65536 131072', (fd) => {
    write(fd, 'x'.repeat(65_536), 0);
    fs.ftruncateSync(fd, 131_072);
    return [seek(fd, 0, SEEK_DATA), seek(fd, 0, SEEK_HOLE), seek(fd, 70_000, SEEK_HOLE), sizeOf(fd)]
      .map((at, index) => (index === 2 ? Math.min(65_536, Number(at)) : at))
      .join(' ');
  }),
  onFile('no data behind the last', 'ENXIO', (fd) => {
    fs.ftruncateSync(fd, 131_072);
    return seek(fd, 200_000, SEEK_DATA);
  }),
  // the kernel itself refuses to collapse and to insert ranges through FUSE
  ...[0, 1, 2, 3, 16, 17].flatMap((mode) =>
    [
      [0, 4_096],
      [100, 5_000],
      [4_096, 8_192],
      [0, 0],
      [20_000, 4_096],
    ].map(([offset = 0, length = 0]) =>
      onFile(`fallocate with mode ${mode} of ${length} at ${offset}`, null, (fd) => {
        write(fd, 'abcdefgh'.repeat(1_536), 0);
        const outcome = allocate(fd, mode, offset, length);
        return `${outcome} ${sizeOf(fd)} ${text(fd, 0, 4)} ${text(fd, 4_094, 4)} ${text(fd, 12_280, 9)}`;
      }),
    ),
  ),
  ...[
    [0, 0, 100],
    [5, 1_000, 3_000],
    [2_000, 0, 9_000],
    [9_999, 0, 10],
  ].map(([from = 0, to = 0, length = 0]) =>
    onFile(`copy ${length} bytes from ${from} to ${to} within the kernel`, null, (fd, at) => {
      const target = fs.openSync(`${at}.copy`, RDWR);
      write(fd, 'abcdefgh'.repeat(400), 0);
      const outcome = copyRange(fd, from, target, to, length);
      const shown = `${outcome} ${sizeOf(target)} ${text(target, to, 12)}`;
      fs.closeSync(target);
      return shown;
    }),
  ),
  ...[1, 511, 4_095, 4_096, 4_097, 65_535, 131_073, MIB - 1, MIB, MIB + 1, 3 * MIB + 5].map((length) =>
    onFile(`${length} bytes are those that were written`, 'true', (fd) => {
      const bytes = Buffer.alloc(length, 'some text that does not fit into a power of two');
      fs.writeSync(fd, bytes, 0, length, 7);
      const read = Buffer.alloc(length);
      return fs.readSync(fd, read, 0, length, 7) === length && read.equals(bytes);
    }),
  ),
];

const REMOVED: readonly Check[] = [
  ['has no name', (fd: number) => fs.fstatSync(fd).nlink, '0'],
  ['is written and read', (fd: number) => write(fd, 'x', 3) && text(fd, 0, 9), '000x'],
  ['is truncated', (fd: number) => fs.ftruncateSync(fd, 9) ?? sizeOf(fd), '9'],
  ['gets another mode', (fd: number) => fs.fchmodSync(fd, 0o600) ?? fs.fstatSync(fd).mode & 0o777, '384'],
  ['gets other times', (fd: number) => fs.futimesSync(fd, 5, 6) ?? fs.fstatSync(fd).mtimeMs, '6000'],
  ['is flushed', (fd: number) => fs.fsyncSync(fd), 'ok'],
  [
    'leaves its name to another',
    (_fd: number, at: string) => fs.writeFileSync(at, 'new') ?? kindAt(at),
    'file 3 x1',
  ],
].flatMap(([name, use, expected]) =>
  (['removed', 'replaced'] as const).map((how) =>
    onFile(`a file that is open and ${how} ${name}`, expected as string, (fd, at) => {
      if (how === 'removed') fs.unlinkSync(at);
      else {
        fs.writeFileSync(`${at}.new`, 'new');
        fs.renameSync(`${at}.new`, at);
        if (name === 'leaves its name to another') fs.rmSync(at);
      }
      return (use as (fd: number, at: string) => unknown)(fd, at);
    }),
  ),
);

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const NAMES = [
  'user.a',
  'user.',
  'trusted.a',
  'security.a',
  'nonsense.a',
  'a',
  `user.${'n'.repeat(250)}`,
  `user.${'n'.repeat(251)}`,
];

function attributeChecks(): Check[] {
  const checks: Check[] = [];
  for (const kind of ['file', 'folder', 'link', 'pipe'])
    for (const name of NAMES)
      for (const flags of [0, XATTR_CREATE, XATTR_REPLACE])
        for (const had of [false, true])
          checks.push({
            name: `set ${name.slice(0, 20)} (${name.length}) with flags ${flags} on a ${kind}${had ? ' that has it' : ''}`,
            expected: null,
            run: (folder) => {
              const at = path.join(folder, 'at');
              if (kind === 'file') fs.writeFileSync(at, '');
              else if (kind === 'folder') fs.mkdirSync(at);
              else if (kind === 'link') fs.symlinkSync('x', at);
              else makeNode(at, FIFO | 0o644);
              if (had) setXattr(at, name, Buffer.from('before'), 0);
              const outcomes: Outcome[] = [setXattr(at, name, Buffer.from('value'), flags)];
              outcomes.push(
                getXattr(at, name, 100),
                getXattr(at, name, 0),
                getXattr(at, name, 2),
                listXattrs(at),
              );
              outcomes.push(removeXattr(at, name), removeXattr(at, name), listXattrs(at));
              return outcomes.join('; ');
            },
          });
  for (const size of [0, 1, 255, 3_000, 70_000])
    checks.push({
      name: `an attribute of ${size} bytes`,
      expected: null,
      run: (folder) => {
        const outcome = setXattr(folder, 'user.size', Buffer.alloc(Math.min(size, 65_000), 'v'), 0);
        return `${outcome}; ${getXattr(folder, 'user.size', 0)}`;
      },
    });
  return checks;
}

/** For any process. */
export function contentChecks(): Check[] {
  return [...DATA, ...REMOVED, ...attributeChecks()];
}
