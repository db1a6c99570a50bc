import { builtinModules } from 'node:module';
import { globalUses } from './global_uses.ts';
import { findCycles, type ImportUse, importsOf } from './import_graph.ts';
import { isTestFile, type SourceFile } from './repository.ts';

interface Folder {
  readonly rank: number;
  readonly siblings?: readonly string[];
  /** Where present, only these folders import this one. */
  readonly usedBy?: readonly string[];
  /** Where present, it imports only these folders. */
  readonly only?: readonly string[];
}

/** The shape of deps.json. */
export interface DependencyTable {
  readonly folders: Readonly<Record<string, Folder>>;
  readonly packages: Readonly<Record<string, { readonly folders: readonly string[]; readonly why: string }>>;
  readonly outsideWorld: {
    readonly files: Readonly<Record<string, { readonly allow: readonly string[]; readonly why: string }>>;
  };
}

/** The one folder that touches the machine. */
const MACHINE_FOLDER = 'src/world/node';

/** The folder of the table that holds `path`: the longest that fits; null outside the table. */
export function folderOf(path: string, table: DependencyTable): string | null {
  const fits = Object.keys(table.folders).filter((folder) => path.startsWith(`${folder}/`));
  return fits.sort((a, b) => b.length - a.length)[0] ?? null;
}

/** Every forbidden import of the program; its test files may import what they like. */
export function checkImports(files: readonly SourceFile[], table: DependencyTable): string[] {
  const problems: string[] = [];
  for (const file of files) {
    if (!file.path.startsWith('src/') || isTestFile(file.path)) continue;
    const folder = folderOf(file.path, table);
    if (folder === null) {
      problems.push(`${file.path}: its folder is not in deps.json`);
      continue;
    }
    for (const use of importsOf(file)) {
      const problem = checkUse(file.path, folder, use, table);
      if (problem !== null) problems.push(`${file.path}:${use.line} ${problem}`);
    }
  }
  return problems;
}

function checkUse(path: string, folder: string, use: ImportUse, table: DependencyTable): string | null {
  if (use.specifier === null) return 'imports a computed name: name the module in the source';
  if (use.target !== null) return checkFolder(folder, use.target, table);
  if (isBuiltin(use.specifier)) {
    return mayTouch(path, use.specifier, table)
      ? null
      : `imports ${use.specifier}: only ${MACHINE_FOLDER} may; take it from the World, or list the file in deps.json with the reason`;
  }
  return checkPackage(folder, use.specifier, table);
}

function checkFolder(folder: string, target: string, table: DependencyTable): string | null {
  if (!target.startsWith('src/')) return `imports ${target}: the program may not import what is outside src`;
  if (isTestFile(target)) return `imports the test ${target}`;
  const targetFolder = folderOf(target, table);
  if (targetFolder === null) return `imports ${target}: its folder is not in deps.json`;
  if (targetFolder === folder) return null;
  const from = table.folders[folder]!;
  const to = table.folders[targetFolder]!;
  if (to.usedBy && !to.usedBy.includes(folder)) {
    return `imports ${target}: only ${to.usedBy.join(', ') || 'tests'} may import ${targetFolder}`;
  }
  if (from.only && !from.only.includes(targetFolder)) {
    return `imports ${target}: ${folder} may import only ${from.only.join(', ')}`;
  }
  if (to.rank < from.rank || from.siblings?.includes(targetFolder)) return null;
  return `imports ${target}: ${folder} (rank ${from.rank}) may not import ${targetFolder} (rank ${to.rank})`;
}

function checkPackage(folder: string, specifier: string, table: DependencyTable): string | null {
  const parts = specifier.split('/');
  const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!;
  if (table.packages[name]?.folders.includes(folder)) return null;
  const who = table.packages[name]?.folders.join(', ') ?? 'nobody';
  return `imports the package ${name}: ${who} may, according to deps.json`;
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier);
}

function mayTouch(path: string, name: string, table: DependencyTable): boolean {
  return (
    path.startsWith(`${MACHINE_FOLDER}/`) || (table.outsideWorld.files[path]?.allow.includes(name) ?? false)
  );
}

/** Every use of time, chance, timers or the process outside the one folder that may. */
export function checkGlobals(files: readonly SourceFile[], table: DependencyTable): string[] {
  const problems: string[] = [];
  for (const file of files) {
    if (!file.path.startsWith('src/') || isTestFile(file.path)) continue;
    for (const use of globalUses(file)) {
      if (mayTouch(file.path, use.name, table)) continue;
      problems.push(`${file.path}:${use.line} uses ${use.name}: take it from the World`);
    }
  }
  return problems;
}

/** Files that need each other at load time. */
export function checkCycles(files: readonly SourceFile[]): string[] {
  return findCycles(files).map((group) => `import cycle: ${[...group, group[0]].join(' -> ')}`);
}

/** Exceptions of deps.json that nothing uses any more: the list may only shrink. */
export function checkExceptions(files: readonly SourceFile[], table: DependencyTable): string[] {
  const problems: string[] = [];
  for (const [path, { allow, why }] of Object.entries(table.outsideWorld.files)) {
    const file = files.find((candidate) => candidate.path === path);
    if (!file) {
      problems.push(`deps.json: ${path} does not exist`);
      continue;
    }
    if (why.trim() === '') problems.push(`deps.json: the exception of ${path} has no reason`);
    const used = new Set([
      ...globalUses(file).map((use) => use.name),
      ...importsOf(file).map((use) => use.specifier),
    ]);
    for (const name of allow) {
      if (!used.has(name))
        problems.push(`deps.json: ${path} does not use ${name} any more: remove the exception`);
    }
  }
  return problems;
}

/** The packages of package.json and of deps.json are the same, and each is imported somewhere. */
export function checkPackages(
  files: readonly SourceFile[],
  dependencies: readonly string[],
  table: DependencyTable,
): string[] {
  const problems: string[] = [];
  const listed = Object.keys(table.packages);
  for (const name of dependencies) {
    if (!listed.includes(name)) problems.push(`package.json: ${name} is not in deps.json`);
  }
  const used = new Set(
    files.filter(isProgram).flatMap((file) => importsOf(file).map((use) => use.specifier)),
  );
  for (const name of listed) {
    if (!dependencies.includes(name)) problems.push(`deps.json: ${name} is not in package.json`);
    const isUsed = [...used].some((specifier) => specifier === name || specifier?.startsWith(`${name}/`));
    if (!isUsed) problems.push(`package.json: nothing in src imports ${name}: remove it`);
  }
  return problems;
}

function isProgram(file: SourceFile): boolean {
  return file.path.startsWith('src/') && !isTestFile(file.path);
}
