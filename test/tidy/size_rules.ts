import type { SourceFile } from './repository.ts';
import { children, isNode, lineOf, nameOf, parse, type SyntaxNode } from './syntax.ts';

export const SIZE_LIMITS = { files: 500, functions: 70, interfaces: 8 } as const;

type SizeKind = keyof typeof SIZE_LIMITS;

/** Sizes above the limits that are tolerated: `path` or `path#name` to the exact size. */
export type Ratchet = Readonly<Record<SizeKind, Readonly<Record<string, number>>>>;

const UNITS: Readonly<Record<SizeKind, string>> = {
  files: 'lines',
  functions: 'lines',
  interfaces: 'members',
};

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/**
 * Sizes of the file, and of its functions (lines) and interfaces (members) by `path#name`; the largest of a name.
 * An interface counts when it has behaviour: a record of plain values is data, whose width is no coupling.
 */
export function measure(file: SourceFile): Record<SizeKind, Map<string, number>> {
  const sizes = {
    files: new Map<string, number>(),
    functions: new Map<string, number>(),
    interfaces: new Map<string, number>(),
  };
  sizes.files.set(file.path, file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0));
  const note = (kind: SizeKind, name: string, size: number): void => {
    const key = `${file.path}#${name}`;
    sizes[kind].set(key, Math.max(size, sizes[kind].get(key) ?? 0));
  };
  const visit = (node: SyntaxNode, parents: readonly SyntaxNode[]): void => {
    if (FUNCTIONS.has(node.type) && !isGrouping(node, parents, file)) {
      const lines = lineOf(file.text, node.end) - lineOf(file.text, node.start) + 1;
      note('functions', functionName(node, parents), lines);
    }
    if (node.type === 'TSInterfaceDeclaration') {
      const members = (node.body as SyntaxNode).body as readonly SyntaxNode[];
      if (members.some(isCallable)) note('interfaces', nameOf(node.id) ?? '', members.length);
    }
    for (const { child } of children(node)) visit(child, [...parents, node]);
  };
  visit(parse(file), []);
  return sizes;
}

function isCallable(member: SyntaxNode): boolean {
  if (member.type === 'TSMethodSignature' || member.type === 'TSCallSignatureDeclaration') return true;
  const annotation = member.typeAnnotation;
  return (
    isNode(annotation) &&
    isNode(annotation.typeAnnotation) &&
    annotation.typeAnnotation.type === 'TSFunctionType'
  );
}

const TEST_CALLS = ['describe', 'suite', 'it', 'test'];

/** A function of a test file that holds tests does so as a file does: it is no unit to be read at once. */
function isGrouping(node: SyntaxNode, parents: readonly SyntaxNode[], file: SourceFile): boolean {
  if (!/\.(?:test|suite)\.ts$/.test(file.path)) return false;
  const parent = parents.at(-1);
  if (parent?.type === 'CallExpression' && ['describe', 'suite'].includes(calleeName(parent))) return true;
  const body = isNode(node.body) && node.body.type === 'BlockStatement' ? node.body.body : [];
  return (body as readonly SyntaxNode[]).some(
    ({ expression }) =>
      isNode(expression) &&
      expression.type === 'CallExpression' &&
      TEST_CALLS.includes(calleeName(expression)),
  );
}

function functionName(node: SyntaxNode, parents: readonly SyntaxNode[]): string {
  const own = nameOf(node.id);
  if (own !== null) return own;
  const parent = parents.at(-1);
  if (parent?.type === 'VariableDeclarator') return nameOf(parent.id) ?? 'pattern';
  if (parent?.type === 'MethodDefinition' || parent?.type === 'PropertyDefinition') {
    const owner = parents.findLast(
      (one) => one.type === 'ClassDeclaration' || one.type === 'ClassExpression',
    );
    return `${nameOf(owner?.id) ?? 'class'}.${nameOf(parent.key) ?? 'computed'}`;
  }
  if (parent?.type === 'Property') return nameOf(parent.key) ?? 'computed';
  if (parent?.type === 'CallExpression') {
    const first = (parent.arguments as readonly SyntaxNode[])[0];
    const title = first?.type === 'Literal' ? ` ${nameOf(first)}` : '';
    return `${calleeName(parent)}${title} callback`;
  }
  return 'anonymous';
}

function calleeName(call: SyntaxNode): string {
  const callee = call.callee;
  if (!isNode(callee)) return '';
  return nameOf(callee.type === 'MemberExpression' ? callee.property : callee) ?? '';
}

/** What is larger than allowed, and what the ratchet tolerates without need. */
export function checkSizes(files: readonly SourceFile[], ratchet: Ratchet): string[] {
  const problems: string[] = [];
  const seen = new Map<string, number>();
  for (const file of files) {
    const sizes = measure(file);
    for (const kind of Object.keys(SIZE_LIMITS) as SizeKind[]) {
      for (const [key, size] of sizes[kind]) {
        seen.set(`${kind} ${key}`, size);
        const allowed = ratchet[kind][key] ?? SIZE_LIMITS[kind];
        if (size > allowed) problems.push(`${key}: ${size} ${UNITS[kind]}, at most ${allowed}: split it`);
      }
    }
  }
  for (const kind of Object.keys(SIZE_LIMITS) as SizeKind[]) {
    for (const [key, allowed] of Object.entries(ratchet[kind])) {
      const size = seen.get(`${kind} ${key}`) ?? 0;
      if (size <= SIZE_LIMITS[kind])
        problems.push(`ratchet.json: ${key} needs no exception any more: remove it`);
      else if (size < allowed)
        problems.push(`ratchet.json: ${key} has ${size} now: lower it from ${allowed}`);
    }
  }
  return problems;
}
