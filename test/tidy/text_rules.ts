import type { SourceFile } from './repository.ts';

const CATCH_ALL_FOLDERS = /(?:^|\/)(?:utils?|common|helpers?|misc)\//;

/** Marks of unfinished work. Written in two parts, so that this file does not hold what it forbids. */
const FORBIDDEN_WORDS: readonly RegExp[] = [
  new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`),
  new RegExp(`\\b${'not ' + 'implemented'}\\b`, 'i'),
];

/** Paths of somebody's machine; examples in documents use the names listed. */
const MACHINE_PATHS: readonly RegExp[] = [
  /(?<![\w.~$)}\]/-])\/work\/[\w.]/,
  /(?<![\w.~$)}\]/-])\/(?:home|Users)\/(?!me\/|user\/|you\/|alice\/|bob\/|\*|\$|<)\w/,
];

/** Texts that others wrote or a tool generates. */
const FOREIGN_FILES = new Set(['LICENSE', 'package-lock.json']);

export function checkPaths(paths: readonly string[]): string[] {
  return paths
    .filter((path) => CATCH_ALL_FOLDERS.test(path))
    .map((path) => `${path}: name the folder for what it holds`);
}

/** @param root where the repository lies: its own path must not be in any text. */
export function checkWords(files: readonly SourceFile[], root: string): string[] {
  const problems: string[] = [];
  for (const file of files) {
    if (FOREIGN_FILES.has(file.path)) continue;
    for (const [index, line] of file.text.split('\n').entries()) {
      const word = FORBIDDEN_WORDS.map((pattern) => pattern.exec(line)?.[0]).find((found) => found);
      if (word) problems.push(`${file.path}:${index + 1} says "${word}": finish it or leave it out`);
      if (MACHINE_PATHS.some((pattern) => pattern.test(line)) || line.includes(`${root}/`)) {
        problems.push(`${file.path}:${index + 1} holds an absolute path of a machine`);
      }
    }
  }
  return problems;
}

/** Names that are in one set and not in the other. */
export function checkSame(
  what: string,
  code: { readonly where: string; readonly names: Iterable<string> },
  document: { readonly where: string; readonly names: Iterable<string> },
): string[] {
  const inCode = new Set(code.names);
  const inDocument = new Set(document.names);
  const missing = [...inCode.difference(inDocument)].map(
    (name) => `${what} ${name} is in ${code.where} and not in ${document.where}`,
  );
  const stale = [...inDocument.difference(inCode)].map(
    (name) => `${what} ${name} is in ${document.where} and not in ${code.where}`,
  );
  return [...missing, ...stale];
}

/** First cells of the rows of all tables of a Markdown text, without their backticks. */
export function tableKeys(markdown: string): string[] {
  return [...markdown.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]!);
}
