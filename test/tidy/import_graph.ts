import { posix } from 'node:path';
import type { SourceFile } from './repository.ts';
import { descendants, isNode, lineOf, parse, type SyntaxNode } from './syntax.ts';

/** One place where a file names another module. */
export interface ImportUse {
  /** As written; null where it is computed. */
  readonly specifier: string | null;
  /** Path from the root for a relative specifier, else null. */
  readonly target: string | null;
  /** `types` leaves nothing at run time; `static` is loaded before the file runs; `dynamic` later, or in a worker. */
  readonly kind: 'types' | 'static' | 'dynamic';
  readonly line: number;
}

export function importsOf(file: SourceFile): ImportUse[] {
  const uses: ImportUse[] = [];
  for (const { node } of descendants(parse(file))) {
    const found = readImport(node);
    if (!found) continue;
    const { specifier, kind } = found;
    const target = specifier?.startsWith('.') ? posix.join(posix.dirname(file.path), specifier) : null;
    uses.push({ specifier, target, kind, line: lineOf(file.text, node.start) });
  }
  return uses;
}

function readImport(node: SyntaxNode): { specifier: string | null; kind: ImportUse['kind'] } | null {
  switch (node.type) {
    case 'ImportDeclaration':
      // `import { type A } from` still loads the module under verbatimModuleSyntax.
      return { specifier: literal(node.source), kind: node.importKind === 'type' ? 'types' : 'static' };
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
      if (!isNode(node.source)) return null;
      return { specifier: literal(node.source), kind: node.exportKind === 'type' ? 'types' : 'static' };
    case 'ImportExpression':
      return { specifier: literal(node.source), kind: 'dynamic' };
    case 'TSImportType':
      return { specifier: literal(node.source ?? node.argument), kind: 'types' };
    case 'NewExpression':
      return readModuleUrl(node);
    default:
      return null;
  }
}

/** `new URL('./worker.ts', import.meta.url)`: how a worker names the file it runs. */
function readModuleUrl(node: SyntaxNode): { specifier: string; kind: 'dynamic' } | null {
  const [path, base] = node.arguments as readonly SyntaxNode[];
  if ((node.callee as SyntaxNode).name !== 'URL' || !path || base?.type !== 'MemberExpression') return null;
  const specifier = literal(path);
  const isModule =
    (base.object as SyntaxNode).type === 'MetaProperty' && /\.[mc]?[jt]s$/.test(specifier ?? '');
  return isModule && specifier !== null ? { specifier, kind: 'dynamic' } : null;
}

function literal(node: unknown): string | null {
  if (!isNode(node)) return null;
  if (node.type === 'Literal') return String(node.value);
  if (node.type === 'TSLiteralType') return literal(node.literal);
  return null;
}

/** Groups of files that import each other before any of them has run, as paths in import order. */
export function findCycles(files: readonly SourceFile[]): string[][] {
  const edges = new Map<string, string[]>();
  for (const file of files) {
    const targets = importsOf(file).filter((use) => use.kind === 'static' && use.target !== null);
    edges.set(file.path, [...new Set(targets.map((use) => use.target as string))]);
  }
  return stronglyConnected(edges).filter(
    (group) => group.length > 1 || edges.get(group[0]!)?.includes(group[0]!),
  );
}

/** Tarjan, "Depth-first search and linear graph algorithms" (1972). */
function stronglyConnected(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const groups: string[][] = [];
  const visit = (path: string): void => {
    order.set(path, order.size);
    low.set(path, order.get(path)!);
    stack.push(path);
    for (const target of edges.get(path) ?? []) {
      if (!edges.has(target)) continue;
      if (!order.has(target)) visit(target);
      if (stack.includes(target)) low.set(path, Math.min(low.get(path)!, low.get(target)!));
    }
    if (low.get(path) === order.get(path)) groups.push(stack.splice(stack.indexOf(path)));
  };
  for (const path of edges.keys()) if (!order.has(path)) visit(path);
  return groups;
}
