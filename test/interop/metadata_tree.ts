import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Runs a program in a folder and gives what it prints. */
export function run(folder: string, program: string, ...args: string[]): string {
  return execFileSync(program, args, { cwd: folder, encoding: 'utf8', maxBuffer: 64 << 20 });
}

/** A tree of which each entry has something that plain copies lose: owners, attributes, access lists, several names. */
export function metadataTree(path: string): void {
  mkdirSync(join(path, 'folder', 'inner'), { recursive: true });
  for (let at = 0; at < 40; at += 1) {
    const file = join(path, 'folder', `small-${at}`);
    writeFileSync(file, `content of ${at}`);
    chownSync(file, 1000 + (at % 3), 2000 + (at % 2));
    chmodSync(file, [0o644, 0o600, 0o4755, 0o2755, 0o000][at % 5]!);
  }
  writeFileSync(join(path, 'large'), Buffer.alloc(2_500_000, 'x'));
  writeFileSync(join(path, 'empty'), '');
  writeFileSync(join(path, 'listed'), 'listed');
  symlinkSync('large', join(path, 'symlink'));
  run(path, 'chown', '-h', '1234:4321', 'symlink', 'large', 'folder/inner');
  run(path, 'setfattr', '-n', 'user.comment', '-v', 'größer', 'large');
  run(path, 'setfattr', '-n', 'user.binary', '-v', '0x00ff00', 'empty');
  run(path, 'setfattr', '-n', 'user.folder', '-v', 'yes', 'folder');
  run(path, 'setfattr', '-n', 'trusted.root', '-v', 'only', 'listed');
  run(path, 'setfattr', '-h', '-n', 'trusted.link', '-v', 'own', 'symlink');
  run(path, 'setfacl', '-m', 'u:1000:rw,g:2000:r', 'listed', 'folder/small-1');
  run(path, 'setfacl', '-m', 'd:u:1000:rwx', 'folder/inner');
  run(path, 'setcap', 'cap_net_raw+ep', 'folder/small-3');
  linkSync(join(path, 'large'), join(path, 'folder', 'large again'));
  linkSync(join(path, 'large'), join(path, 'zz large'));
  linkSync(join(path, 'folder', 'small-2'), join(path, 'folder', 'small-2 again'));
  run(path, 'touch', '-d', '@-12345.123456789', 'folder/small-5');
  run(path, 'touch', '-d', '@4398046511.987654321', 'empty');
}

/** All that the tools of the system tell of a tree besides contents, by tools that share no code with this project. */
export function metadataListing(path: string): string {
  const listed = run(path, 'sh', '-c', `find . -printf '%P|%y|%m|%U:%G|%T@|%l|%n\\n' | sort`);
  const lists = run(path, 'getfacl', '-R', '-p', '-n', '.');
  const attributes = run(
    path,
    'sh',
    '-c',
    'find . -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex --',
  );
  return [listed, linkGroups(path), lists, attributes].join('\n');
}

/** Names of one file side by side, a group a line. */
export function linkGroups(path: string): string {
  const groups = new Map<string, string[]>();
  for (const line of run(path, 'sh', '-c', `find . -type f -links +1 -printf '%i %P\\n' | sort -k2`).split(
    '\n',
  )) {
    const [inode = '', ...name] = line.split(' ');
    groups.set(inode, [...(groups.get(inode) ?? []), name.join(' ')]);
  }
  return [...groups.values()]
    .map((names) => names.join(' = '))
    .sort()
    .join('\n');
}
